package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/braid-cni/braid/wire"
)

// forwarding finds that the host does not pass packets on for pods whose gateway it is.
func forwarding(_ context.Context, v *visit) ([]Finding, error) {
	who, err := v.needForwarding()
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, family := range []struct{ name, sysctl, note string }{
		{"IPv4", "net/ipv4/ip_forward", ""},
		{"IPv6", "net/ipv6/conf/all/forwarding", "; where the node's own route comes by router advertisement, first set accept_ra=2 on that link"},
	} {
		if who[family.name] == "" {
			continue
		}
		value, err := v.host.Sysctl(family.sysctl)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
		if value != "1" && value != "2" {
			found = append(found, fault(fmt.Sprintf("%s forwarding is off, and %s needs it", family.name, who[family.name]), persist(family.sysctl, "1")+family.note))
		}
	}
	return found, nil
}

// persist is the command that sets a sysctl now and at boot.
func persist(sysctl, value string) string {
	return fmt.Sprintf("sysctl -w %[1]s=%[2]s && echo %[1]s=%[2]s >> /etc/sysctl.d/90-braid.conf", sysctl, value)
}

// needForwarding names, for each family, one who needs it: a bridge with a gateway, or a pod's eth0.
func (v *visit) needForwarding() (map[string]string, error) {
	bridges, err := v.bridges()
	if err != nil {
		return nil, err
	}
	who := map[string]string{}
	for _, b := range bridges {
		for _, subnet := range b.subnets {
			who[familyOf(subnet.Addr())] = "bridge " + b.Name
		}
	}
	v.attachments(func(c wire.Container, i wire.Interface) {
		for _, text := range i.Addresses {
			if prefix, err := netip.ParsePrefix(text); err == nil && i.Default {
				who[familyOf(prefix.Addr())] = podName(c)
			}
		}
	})
	return who, nil
}

func familyOf(a netip.Addr) string {
	if a.Is6() {
		return "IPv6"
	}
	return "IPv4"
}
