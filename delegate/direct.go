package delegate

import (
	"context"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
)

// A Call is a CNI call of one built-in plugin, as a runtime or another plugin makes it.
type Call struct {
	Command, ContainerID, Netns, IfName, Args, Path string
	Config                                          []byte
}

// Direct calls one built-in plugin of that type by itself and returns what it prints. Nothing of it is stored: like any
// plugin it is told at DEL what it needs.
func (d *Delegator) Direct(ctx context.Context, typ string, c Call) ([]byte, error) {
	p, ok := d.o.Builtins[typ]
	if !ok {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, fmt.Sprintf("Braid has no plugin %q", typ), "")
	}
	teardown := d.o.Teardown()
	output, err := call(inside(ctx, c.ContainerID), p, &invocation{
		environ: []string{
			"CNI_COMMAND=" + c.Command, "CNI_CONTAINERID=" + c.ContainerID, "CNI_NETNS=" + c.Netns,
			"CNI_IFNAME=" + c.IfName, "CNI_ARGS=" + c.Args, "CNI_PATH=" + c.Path,
		},
		config: c.Config, alias: c.ContainerID + " " + c.IfName, teardown: teardown,
	})
	if err != nil {
		return nil, err
	}
	return output, teardown.Flush(ctx)
}
