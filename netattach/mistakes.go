package netattach

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrNADNotFound is in the chain of every mistake that would vanish if a NAD existed, so that a caller can look
// again before it fails the pod.
var ErrNADNotFound = errors.New("no such NetworkAttachmentDefinition")

// ErrNotOnDisk is in the chain of every mistake that would vanish if a configuration file existed, or were whole.
var ErrNotOnDisk = errors.New("not on this node")

// diskError is an error with ErrNotOnDisk in its chain that keeps its own words.
type diskError struct{ error }

func (diskError) Is(target error) bool { return target == ErrNotOnDisk }

func notOnDisk(format string, args ...any) error { return diskError{fmt.Errorf(format, args...)} }

// Mistakes are all the mistakes found, in the order in which people read what they wrote.
type Mistakes []error

// How many bytes of what a person wrote, and how many mistakes, an error text repeats; and how many are kept at all.
const (
	maxQuoted   = 64
	maxReported = 20
	maxKept     = 1000
)

// Error lists the mistakes on one line, the first 20 of them.
func (m Mistakes) Error() string {
	if len(m) == 1 {
		return m[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d mistakes", len(m))
	for i, err := range m[:min(len(m), maxReported)] {
		fmt.Fprintf(&b, "; (%d) %v", i+1, err)
	}
	if len(m) > maxReported {
		fmt.Fprintf(&b, "; and %d more", len(m)-maxReported)
	}
	return b.String()
}

// Unwrap makes errors.Is and errors.As look at every mistake.
func (m Mistakes) Unwrap() []error { return m }

// A report collects mistakes. Reports made from one another by in write to the same list.
type report struct {
	at    string
	found *Mistakes
}

func newReport() report { return report{found: new(Mistakes)} }

// in is the same report at a place further inside, such as `element 2`.
func (r report) in(format string, args ...any) report {
	return report{at: r.at + fmt.Sprintf(format, args...) + ": ", found: r.found}
}

func (r report) add(format string, args ...any) {
	if len(*r.found) >= maxKept {
		return
	}
	*r.found = append(*r.found, fmt.Errorf("%s%w", r.at, fmt.Errorf(format, args...)))
}

// count lets a caller see whether a step added mistakes.
func (r report) count() int { return len(*r.found) }

func (r report) err() error {
	if len(*r.found) == 0 {
		return nil
	}
	return *r.found
}

// quote makes text safe to show: shortened, and escaped wherever it is not printable.
func quote[T ~string | ~[]byte](text T) string {
	if len(text) > maxQuoted {
		return strconv.Quote(string(text[:maxQuoted])) + "..."
	}
	return strconv.Quote(string(text))
}
