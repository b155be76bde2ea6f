package ipam

import (
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
)

// The codes of the CNI specification that STATUS and ADD answer with and that package types does not name.
const (
	// ErrUnavailable says that no address can be given.
	ErrUnavailable uint = 50
	// ErrLimited says that addresses can be given but existing attachments may be impaired.
	ErrLimited uint = 51
)

// coded is an error with the CNI code that a runtime is to see.
type coded struct {
	err error
	cni *types.Error
}

// Error reads as the error it wraps.
func (c *coded) Error() string { return c.err.Error() }

// Unwrap lets errors.As find both the cause and the *types.Error.
func (c *coded) Unwrap() []error { return []error{c.err, c.cni} }

// WithCode wraps err so that errors.As finds a *types.Error of that code, whose message is err's. An error that
// has a code already keeps it, and nil stays nil.
func WithCode(code uint, err error) error {
	var known *types.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &coded{err: err, cni: types.NewError(code, err.Error(), "")}
}

// Errorf is WithCode of fmt.Errorf.
func Errorf(code uint, format string, args ...any) error {
	return WithCode(code, fmt.Errorf(format, args...))
}
