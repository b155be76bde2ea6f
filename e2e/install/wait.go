package install

import (
	"context"
	"fmt"
	"time"
)

// patience is how long a wait takes at most, unless its context ends before.
const patience = 60 * time.Second

// until waits until done says so. An error of done is not the end: it is that of the wait when time is over.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		finished, err := done()
		if finished && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("wait for %s: %w", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
