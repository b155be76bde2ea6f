package wire

import (
	"context"
	"fmt"
)

// AskStatus asks the agent at a socket whether it is ready, as the runtime does with STATUS: binDir is the runtime's folder
// of plugins, config what it sends to the plugin. Unlike the door it takes no ready mark for an answer.
func AskStatus(ctx context.Context, socket, binDir string, config []byte) error {
	answer, err := ask(ctx, socket, &Request{Version: Version, Program: "braid", Command: "STATUS", Path: binDir, Config: config})
	if err != nil {
		return fmt.Errorf("ask the agent at %s (is braidd running?): %w", socket, err)
	}
	if answer.Failed {
		return refusal(answer.Output)
	}
	return nil
}
