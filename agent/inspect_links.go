package agent

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/wire"
)

// inspectLinks shows those of the host's links that networks of pods go over.
func (a *Agent) inspectLinks(host []kernel.Link, containers []wire.Container) ([]wire.Link, error) {
	netns, err := a.Kernel.Host()
	if err != nil {
		return nil, err
	}
	defer netns.Close()
	ways, err := waysOut(netns)
	if err != nil {
		return nil, fmt.Errorf("inspect the links of the node: %w", err)
	}
	ends := hostEnds(containers)
	return showLinks(netns, host, involved(host, ends, ways), ends)
}

// showLinks shows links of the host, sorted by name. Those that are ends have no address, and there are many: they are not
// asked for any.
func showLinks(netns kernel.Netns, host, links []kernel.Link, ends map[string]bool) ([]wire.Link, error) {
	shown := []wire.Link{}
	for _, link := range links {
		l := wire.Link{
			Name: link.Name, Kind: link.Kind, MAC: link.MAC.String(), MTU: link.MTU, Alias: link.Alias,
			Bridge: nameOf(host, link.Master), State: hostState(link),
		}
		if !ends[link.Name] {
			addresses, err := netns.Addresses(link.Index)
			if err != nil && !errors.Is(err, kernel.ErrNoLink) {
				return nil, fmt.Errorf("inspect %s: %w", link.Name, err)
			}
			l.Addresses = given(addresses)
		}
		shown = append(shown, l)
	}
	slices.SortFunc(shown, func(x, y wire.Link) int { return cmp.Compare(x.Name, y.Name) })
	return shown, nil
}

// waysOut are the links, by index, over which the node has a gateway: its uplinks, and the tunnels of a CNI that routes.
func waysOut(netns kernel.Netns) (map[int]bool, error) {
	routes, err := netns.Routes(0)
	if err != nil {
		return nil, err
	}
	ways := map[int]bool{}
	for _, route := range routes {
		if route.Gateway.IsValid() {
			ways[route.Link] = true
		}
	}
	return ways, nil
}

// hostEnds are the names of the host's ends of the interfaces shown.
func hostEnds(containers []wire.Container) map[string]bool {
	names := map[string]bool{}
	for _, c := range containers {
		for _, i := range c.Interfaces {
			if i.HostLink != "" {
				names[i.HostLink] = true
			}
		}
	}
	return names
}

// involved chooses the links to show: ends, ways out and all that is Braid's own; what these are ports of; and all other
// ports of that.
func involved(host []kernel.Link, ends map[string]bool, ways map[int]bool) []kernel.Link {
	shown := map[int]bool{}
	for _, link := range host {
		if ends[link.Name] || ways[link.Index] || ours(link) {
			shown[link.Index] = true
			shown[link.Master] = true
		}
	}
	delete(shown, 0) // what is no port of anything has this for a master
	return slices.DeleteFunc(slices.Clone(host), func(link kernel.Link) bool {
		return !shown[link.Index] && !shown[link.Master]
	})
}

// ours tells a link that Braid made, also one that no container has any more.
func ours(link kernel.Link) bool {
	return kernel.IsLinkName(link.Name) || link.Alias == kernel.BridgeAlias ||
		strings.HasPrefix(link.Name, kernel.BridgePrefix) || strings.HasPrefix(link.Name, kernel.TunnelPrefix)
}

func nameOf(host []kernel.Link, index int) string {
	for _, link := range host {
		if index != 0 && link.Index == index {
			return link.Name
		}
	}
	return ""
}

// hostState is that of a link of the host. Tunnels do not tell the kernel whether packets can pass.
func hostState(link kernel.Link) string {
	if link.Up && !slices.Contains([]string{"", "veth", "bridge", "vlan", "bond"}, link.Kind) {
		return wire.StateUp
	}
	return stateOf(link)
}
