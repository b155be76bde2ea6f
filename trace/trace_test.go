package trace

import (
	"context"
	"testing"
	"time"
)

func TestSteps(t *testing.T) {
	traced := New()
	ctx := With(t.Context(), traced)
	From(ctx).Step("plan")
	time.Sleep(5 * time.Millisecond)
	From(ctx).About("net1")
	From(ctx).Step("attach")
	From(ctx).About("")
	From(ctx).Step("commit")
	var names []string
	for _, s := range traced.Steps() {
		names = append(names, s.Subject+":"+s.Name)
	}
	if len(names) != 3 || names[0] != ":plan" || names[1] != "net1:attach" || names[2] != ":commit" {
		t.Errorf("steps %q", names)
	}
	if took := traced.Steps()[1].Took; took < 5*time.Millisecond || took > time.Second {
		t.Errorf("attach took %v", took)
	}
}

// Who is not asked for a trace makes none.
func TestNoTrace(t *testing.T) {
	none := From(context.Background())
	none.About("net1")
	none.Step("plan")
	if none.Steps() != nil {
		t.Errorf("steps %v", none.Steps())
	}
}
