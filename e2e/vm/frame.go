package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errNoResult means that the guest ended, or was ended, before it said how the
// program did.
var errNoResult = errors.New("guest ended without a result")

// A frame is one JSON line on the serial line from guest to machine. JSON
// escapes every control character, so what a terminal does to line ends and
// tabs leaves frames whole.
type frame struct {
	Output []byte  `json:",omitempty"`
	Result *result `json:",omitempty"`
}

// A result is the guest's last word.
type result struct {
	Exit int
	// Err says what kept the program from running; Exit means nothing then.
	Err string `json:",omitempty"`
}

// A frameWriter sends what is written to it as output frames.
type frameWriter struct{ enc *json.Encoder }

func (w frameWriter) Write(p []byte) (int, error) {
	if err := w.enc.Encode(frame{Output: p}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// readFrames copies output to out until the result comes.
func readFrames(r io.Reader, out io.Writer) (result, error) {
	dec := json.NewDecoder(r)
	for {
		var f frame
		if err := dec.Decode(&f); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return result{}, errNoResult
		} else if err != nil {
			return result{}, fmt.Errorf("read the guest's serial line: %w", err)
		}
		if f.Result != nil {
			return *f.Result, nil
		}
		if _, err := out.Write(f.Output); err != nil {
			return result{}, fmt.Errorf("pass on the guest's output: %w", err)
		}
	}
}
