package agent

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/wire"
)

const (
	// codeNotAvailable is STATUS's "the plugin is not available" (CNI spec 1.1, section 5).
	codeNotAvailable = 50
	// codeFailed is the code of an error that CNI has no code for (100 and up are a plugin's own).
	codeFailed = 100
)

// codeOf maps an error to its CNI code (CNI spec 1.1, section 5; 8 is libcni's): the code of a CNI error in its chain, else
// what can be told of its kind.
func codeOf(err error) uint {
	var cni *types.Error
	switch {
	case errors.As(err, &cni) && cni.Code != 0 && cni.Code != types.ErrInternal:
		return cni.Code
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, errTryLater):
		return types.ErrTryAgainLater
	case errors.As(err, new(netattach.Mistakes)):
		return types.ErrInvalidNetworkConfig
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS):
		return types.ErrIOFailure
	}
	return codeFailed
}

// failure is the answer for an error, in the version of the configuration.
func failure(version string, err error) *wire.Response {
	if version == "" {
		version = "1.1.0"
	}
	output, encodeErr := json.Marshal(wire.Error{CNIVersion: version, Code: codeOf(err), Msg: oneLine("braid: " + err.Error())})
	if encodeErr != nil {
		output = []byte(`{"cniVersion":"1.1.0","code":100,"msg":"braid: the error could not be encoded"}`)
	}
	return &wire.Response{Version: wire.Version, Output: output, Failed: true}
}

// oneLine makes text fit for people and their terminals, whoever wrote parts of it: lines are joined, and what cannot
// be printed is escaped.
func oneLine(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\n':
			b.WriteString("; ")
		case unicode.IsPrint(c):
			b.WriteRune(c)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
		}
	}
	return b.String()
}

// errTryLater marks what may work at the next try without anybody changing anything.
var errTryLater = errors.New("try again later")

// errOwn marks a mistake of Braid's own.
var errOwn = errors.New("a mistake of Braid's own, which the agent's log describes: please report it")

// invalid is an error in what the runtime sent.
func invalid(code uint, msg string) error { return types.NewError(code, msg, "") }
