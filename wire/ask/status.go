package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/braid-cni/braid/wire"
)

// Status asks the agent at a socket whether it is ready, as the runtime does with STATUS: binDir is the runtime's folder
// of plugins, config what it sends to the plugin. That may be of a version before 1.1, in which a runtime has no STATUS: what
// is asked is the agent, in its own version. Unlike the door it takes no ready mark for an answer.
func Status(ctx context.Context, socket, binDir string, config []byte) error {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(config, &whole); err != nil {
		return fmt.Errorf("read the configuration to ask about: %w", err)
	}
	if whole == nil {
		return errors.New("read the configuration to ask about: it is null")
	}
	whole["cniVersion"] = json.RawMessage(`"` + wire.Latest + `"`)
	config, err := json.Marshal(whole)
	if err != nil {
		return fmt.Errorf("encode the configuration to ask about: %w", err)
	}
	answer, err := call(ctx, socket, &wire.Request{Version: wire.Version, Program: "braid", Command: "STATUS", Path: binDir, Config: config})
	if err != nil {
		return fmt.Errorf("ask the agent at %s (is braidd running?): %w", socket, err)
	}
	if answer.Failed {
		return refusal(answer.Output)
	}
	return nil
}
