package doctor

import (
	"context"
	"fmt"

	"github.com/braid-cni/braid/wire/ask"
)

// agent finds one that does not answer, or that says it is not ready.
func agent(ctx context.Context, v *visit) ([]Finding, error) {
	if v.inspectionErr != nil {
		return []Finding{fault(v.inspectionErr.Error(),
			"see why it does not run: kubectl -n braid-system get pods -o wide, and kubectl -n braid-system logs daemonset/braid-agent")}, nil
	}
	if found, err := v.notConfigured(ctx); found != nil || err != nil {
		return found, err
	}
	c := v.used()
	if c == nil || c.err != nil {
		return nil, nil // STATUS is asked with a configuration, and conflist says that there is none
	}
	stdin, err := c.stdin()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := ask.Status(ctx, v.Socket, v.BinDir, stdin); err != nil {
		return []Finding{fault(fmt.Sprintf("the agent at %s is not ready: %v", v.Socket, err),
			"mend what it names; it asks again by itself. More is in kubectl -n braid-system logs daemonset/braid-agent")}, nil
	}
	return nil, nil
}

// notConfigured finds an agent that says that the runtime does not use it as it is configured to.
func (v *visit) notConfigured(ctx context.Context) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	report, err := ask.Node(ctx, v.Socket)
	if err != nil || report.Ready {
		return nil, err
	}
	what := "the agent is not ready: " + report.Reason
	if c := report.Condition; c != nil && !c.Status {
		what = fmt.Sprintf("the agent is not ready (%s): %s", c.Reason, c.Message)
	}
	return []Finding{fault(what, "do what it says; kubectl describe node says the same")}, nil
}
