package bridge

import "errors"

// An undo is a stack of steps back. Success disarms it.
type undo struct {
	steps    []func() error
	disarmed bool
}

func (u *undo) push(step func() error) { u.steps = append(u.steps, step) }

func (u *undo) disarm() { u.disarmed = true }

// run joins the errors of the steps to *err, so that a leftover is never silent.
func (u *undo) run(err *error) {
	if u.disarmed {
		return
	}
	for i := len(u.steps) - 1; i >= 0; i-- {
		*err = errors.Join(*err, u.steps[i]())
	}
	u.steps = nil
}
