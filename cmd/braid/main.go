// Command braid is the CNI plugin that a runtime executes: a door to the agent on the node. It sends the CNI
// environment and stdin to braidd over a unix socket and prints what comes back. It decides nothing but what cannot
// wait for an agent: VERSION, and STATUS while the agent is away.
package main

import (
	"os"
	"path/filepath"
	"time"
)

func main() {
	d := door{
		began:   handed.start(time.Now()),
		program: filepath.Base(os.Args[0]),
		getenv:  os.Getenv,
		stdin:   handed.rest(os.Stdin),
		stdout:  os.Stdout,
		broken:  handed.broken,
	}
	os.Exit(d.run())
}
