package together

import "testing"

// Each waits for the other: one after the other they would never end.
func TestBothAtATime(t *testing.T) {
	here, there := make(chan bool), make(chan bool)
	ended := false
	Do(func() { close(here); <-there }, func() { <-here; close(there); ended = true })
	if !ended {
		t.Error("it returned before both had")
	}
}

func TestPanics(t *testing.T) {
	for name, tt := range map[string]struct{ here, elsewhere any }{
		"here": {here: "a"}, "elsewhere": {elsewhere: "a"}, "both": {here: "b", elsewhere: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			other := false
			defer func() {
				if why := recover(); why != "a" || !other {
					t.Errorf("panic %v, the other ended: %v", why, other)
				}
			}()
			fail := func(why any) func() {
				return func() {
					if why == nil {
						other = true
						return
					}
					other = other || tt.here != nil && tt.elsewhere != nil
					panic(why)
				}
			}
			Do(fail(tt.here), fail(tt.elsewhere))
		})
	}
}
