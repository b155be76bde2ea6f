package probe

import (
	"errors"
	"syscall"
	"time"
)

// A counter looks at the sequence numbers of what arrives.
type counter struct {
	seen      map[uint64]bool
	next      uint64 // one more than the highest
	reordered int
	doubled   int
	last      time.Time
	gap       time.Duration
}

func (c *counter) note(sequence uint64, at time.Time) {
	if c.seen[sequence] {
		c.doubled++
		return
	}
	c.seen[sequence] = true
	if sequence < c.next {
		c.reordered++
	} else {
		c.next = sequence + 1
	}
	if !c.last.IsZero() {
		c.gap = max(c.gap, at.Sub(c.last))
	}
	c.last = at
}

// refused says that nobody listened to an earlier packet, which is a loss and not the end of the socket.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
