package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/ipam"
)

// lockName is the file in a network's folder that the reference locks too.
const lockName = "lock"

// A turn is the right to use one folder within this process. Only who has it waits for the file lock, so that a
// crowd of pods costs one waiting thread and not one each.
type turn chan struct{}

// take waits for the turn.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// give hands the turn on.
func (t turn) give() { <-t }

// lockFolder takes the folder's file lock, waiting until ctx ends. Closing the file it returns unlocks.
func lockFolder(ctx context.Context, folder *os.Root) (*os.File, error) {
	f, err := folder.OpenFile(lockName, os.O_RDONLY|os.O_CREATE, 0o750)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	// Fd would make a pollable file blocking; a regular file is blocking anyway.
	fd := int(f.Fd())
	err = flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return waitLock(ctx, f)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// waitLock waits for a lock that somebody else has. A flock cannot be called off: when ctx ends first, whatever
// comes of it is let go as soon as it comes.
func waitLock(ctx context.Context, f *os.File) (*os.File, error) {
	got := make(chan error, 1)
	go func() { got <- flock(int(f.Fd()), unix.LOCK_EX) }()
	select {
	case err := <-got:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		return f, nil
	case <-ctx.Done():
		go func() { <-got; f.Close() }()
		return nil, busy(ctx.Err())
	}
}

// flock repeats a lock call that a signal interrupted.
func flock(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// busy is the error of code 11 for a lock not had in time.
func busy(err error) error {
	return ipam.Errorf(types.ErrTryAgainLater, "wait for the lock, which another call holds: %w: try again", err)
}
