package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the file lock at path, waiting for another run that holds it. The lock ends with the returned function
// or with the process, so a killed run leaves nothing to clean.
func lock(ctx context.Context, path, what string, out io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock build of %s: %w", what, err)
	}
	for said := false; ; said = true {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock build of %s: %w", what, err)
		}
		if !said {
			fmt.Fprintf(out, "waiting for another run that builds %s\n", what)
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			file.Close()
			return nil, fmt.Errorf("wait for another build of %s: %w", what, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
