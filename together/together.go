// Package together does two things at the same time.
package together

// Do returns when both functions have. The first is the caller's own, run where it is; only the second is moved to another
// goroutine. A panic of either is one of the caller's, once both have ended: a goroutine that panics by itself would end the
// process, and with it the calls of all other pods.
func Do(here, elsewhere func()) {
	broken := make(chan any, 1)
	go func() {
		defer func() { broken <- recover() }()
		elsewhere()
	}()
	defer func() {
		if why := <-broken; why != nil {
			panic(why)
		}
	}()
	here()
}
