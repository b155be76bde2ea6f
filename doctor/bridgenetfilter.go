package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// bridgeNetfilter finds that br_netfilter sends frames between two ports of a bridge through a firewall that drops them.
// Bridges with a gateway are the check firewall's.
func bridgeNetfilter(_ context.Context, v *visit) ([]Finding, error) {
	bridges, err := v.bridges()
	if err != nil {
		return nil, err
	}
	tables, err := tables(v.Firewall)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, v6 := range []bool{false, true} {
		sysctl := "net/bridge/bridge-nf-call-" + program(v6)
		on, err := v.host.Sysctl(sysctl)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
		if on != "1" {
			continue
		}
		for _, b := range bridges {
			stop, err := blocked(v.Firewall, tables, packet{v6: v6, in: b.Name, out: b.Name})
			if err != nil {
				return found, err
			}
			if stop != nil && len(b.subnets) == 0 {
				found = append(found, fault(stop.says(v6, "packets between pods on "+b.Name)+fmt.Sprintf(", and %s is 1", sysctl),
					stop.accept(v6, fmt.Sprintf("-i %s -o %[1]s", b.Name))))
			}
		}
	}
	return found, nil
}
