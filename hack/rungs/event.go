package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// An event is a line of "go test -json"; see "go doc test2json" and "go help
// buildjson".
type event struct {
	Action      string
	Package     string
	ImportPath  string // in place of Package in build events
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// read passes on the events of r, and as they are the lines that are none.
func read(r io.Reader, to *report) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &e) == nil {
				to.event(e)
			} else if _, err := to.out.Write(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}
