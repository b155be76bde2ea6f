package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

// hostLinks finds links of ours that belong to nobody, and interfaces of pods that are gone or down. Without the agent's
// answer nobody knows whose a link is.
func hostLinks(ctx context.Context, v *visit) ([]Finding, error) {
	if v.hostErr != nil || v.inspection == nil {
		return nil, v.hostErr
	}
	leaving := v.leaving(ctx)
	known := map[string]bool{}
	var found []Finding
	v.attachments(func(c wire.Container, i wire.Interface) {
		known[kernel.LinkName(c.ID, i.Name)] = true
		if c.Attached && !leaving[kernel.LinkName(c.ID, i.Name)] {
			found = append(found, broken(c, i)...)
		}
	})
	leaks, err := v.leaks(known)
	return append(found, leaks...), err
}

// secondLook is how long after the first the agent is asked again.
const secondLook = time.Second

// leaving are interfaces that are gone, and of which a moment later the agent knows nothing more, or that they are back: a pod's links
// go before the agent forgets it. They are named as their host links would be.
func (v *visit) leaving(ctx context.Context) map[string]bool {
	gone := missing(v.inspection)
	if len(gone) == 0 {
		return nil
	}
	select {
	case <-time.After(secondLook):
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	again, err := ask.Inspection(ctx, v.Socket, "", "")
	if err != nil {
		return nil
	}
	still := missing(again)
	maps.DeleteFunc(gone, func(link string, _ bool) bool { return still[link] })
	return gone
}

func missing(inspection *wire.Inspection) map[string]bool {
	found := map[string]bool{}
	attachments(inspection, func(c wire.Container, i wire.Interface) {
		if c.Attached && i.State == wire.StateMissing {
			found[kernel.LinkName(c.ID, i.Name)] = true
		}
	})
	return found
}

func broken(c wire.Container, i wire.Interface) []Finding {
	what := fmt.Sprintf("interface %s of %s on network %s", i.Name, podName(c), i.Network)
	switch i.State {
	case wire.StateMissing:
		return []Finding{fault(what+" is gone, and its host link with it", replace(c))}
	case wire.StateDown:
		return []Finding{warning(fmt.Sprintf("%s is down, or its host link %s is", what, i.HostLink),
			fmt.Sprintf("set it up: ip link set %s up; if it stays down: %s", orName(i.HostLink), replace(c)))}
	}
	return nil
}

// replace makes the pod's networks anew.
func replace(c wire.Container) string {
	if c.Pod == "" {
		return "remove the container " + c.ID + " and run it anew"
	}
	return fmt.Sprintf("kubectl -n %s delete pod %s: its owner makes it anew", c.Namespace, c.Pod)
}

func orName(link string) string {
	if link == "" {
		return "HOSTLINK"
	}
	return link
}

// leaks are links of ours that the agent does not know and that are still there: an ADD stores a link before it makes it,
// a DEL forgets it after.
func (v *visit) leaks(known map[string]bool) (found []Finding, err error) {
	for _, l := range v.links {
		if !kernel.IsLinkName(l.Name) || known[l.Name] {
			continue
		}
		_, err := v.host.Link(l.Name)
		if errors.Is(err, kernel.ErrNoLink) {
			continue
		}
		if err != nil {
			return found, err
		}
		found = append(found, fault(fmt.Sprintf("link %s%s is of no pod that the agent knows", l.Name, made(l)), "ip link delete "+l.Name))
	}
	return found, nil
}

// made says for whom a link was made by its alias, which is text for people.
func made(l kernel.Link) string {
	if l.Alias == "" {
		return ""
	}
	return fmt.Sprintf(" (made for %s)", strings.Trim(fmt.Sprintf("%q", l.Alias), `"`))
}
