package together

import (
	"sync/atomic"
	"testing"
)

// Each waits for the other: one after the other they would never end.
func TestBothAtATime(t *testing.T) {
	here, there := make(chan bool), make(chan bool)
	ended := false
	Do(func() { close(here); <-there }, func() { <-here; close(there); ended = true })
	if !ended {
		t.Error("it returned before both had")
	}
}

// A panic is the caller's, who gets it when both have ended.
func TestPanics(t *testing.T) {
	for name, tt := range map[string]struct{ here, elsewhere any }{
		"here": {here: "a"}, "elsewhere": {elsewhere: "a"}, "both": {here: "b", elsewhere: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var ended atomic.Int32
			defer func() {
				if why := recover(); why != "a" || ended.Load() != 2 {
					t.Errorf("panic %v after %d had ended", why, ended.Load())
				}
			}()
			end := func(why any) func() {
				return func() {
					ended.Add(1)
					if why != nil {
						panic(why)
					}
				}
			}
			Do(end(tt.here), end(tt.elsewhere))
		})
	}
}
