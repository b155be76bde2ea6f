package conformance

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/vishvananda/netlink"
)

// addIsTrue is step 3.
func addIsTrue(t *trial) error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	a, err := t.attached()
	if a == nil {
		return err
	}
	if result := t.parse(a); result != nil {
		t.form(a, result)
		if err := t.compare(a, result, before); err != nil {
			return err
		}
	}
	if len(t.reasons) > 0 {
		if lines, err := t.host.with(a.box); err == nil {
			t.show("after ADD", lines)
		}
	}
	t.mustDel(a, "DEL")
	return nil
}

// parse reads the result of ADD at its version. It is nil when the step has failed.
func (t *trial) parse(a *attachment) *current.Result {
	result, err := create.Create(t.network.version, a.result)
	if err != nil {
		t.failf("the result is not one of its version")
		return nil
	}
	newest, err := current.NewResultFromResult(result)
	if err != nil {
		t.failf("the result cannot be converted to %s", current.ImplementedSpecVersion)
		return nil
	}
	return newest
}

// form looks at what the version asks of the JSON, which a lenient parser does not.
func (t *trial) form(a *attachment, result *current.Result) {
	var raw struct {
		CNIVersion string   `json:"cniVersion"`
		Interfaces []object `json:"interfaces"`
		IPs        []object `json:"ips"`
	}
	if err := json.Unmarshal(a.result, &raw); err != nil {
		t.failf("the result is not one of its version")
		return
	}
	if raw.CNIVersion != t.network.version {
		t.failf("the result's cniVersion is not the configuration's")
	}
	old := strings.HasPrefix(t.network.version, "0.")
	for _, ip := range raw.IPs {
		if version, has := ip["version"]; has != old {
			t.failf("ips[].version is %v: 0.3 and 0.4 have it, 1.0 and 1.1 do not", version)
		}
	}
	for i, ip := range result.IPs {
		switch index := ip.Interface; {
		case t.network.ipam && index != nil:
			t.failf("ips[%d].interface is set by an IPAM plugin", i)
		case index != nil && (*index < 0 || *index >= len(result.Interfaces)):
			t.failf("ips[%d].interface is no index of interfaces", i)
		}
	}
	for _, i := range raw.Interfaces {
		for _, key := range []string{"mtu", "socketPath", "pciID"} {
			if old && i[key] != nil {
				t.failf("interfaces[].%s is there before 1.0", key)
			}
		}
	}
}

// compare compares the result with the kernel, and the kernel with the result.
func (t *trial) compare(a *attachment, result *current.Result, before state) error {
	if t.network.ipam {
		return t.compareIPAM(a, result, before)
	}
	listed := func(i *current.Interface) bool { return i.Name == a.ifname && i.Sandbox == a.box.path }
	if !slices.ContainsFunc(result.Interfaces, listed) {
		t.failf("interfaces lacks CNI_IFNAME in CNI_NETNS")
	}
	for _, i := range result.Interfaces {
		t.compareInterface(a, i)
	}
	for _, ip := range result.IPs {
		t.compareAddress(a, result, ip)
	}
	for _, r := range result.Routes {
		if err := t.compareRoute(a, r); err != nil {
			return err
		}
	}
	return t.compareSandbox(a, result)
}

// compareIPAM looks that nothing was made but leases.
func (t *trial) compareIPAM(a *attachment, result *current.Result, before state) error {
	if len(result.Interfaces) > 0 {
		t.failf("an IPAM plugin answers interfaces")
	}
	if len(result.IPs) == 0 {
		t.failf("the result has no address")
	}
	after, err := t.host.with(a.box)
	if err != nil {
		return err
	}
	came, _ := before.changes(after)
	if came = slices.DeleteFunc(came, func(line string) bool { return strings.HasPrefix(line, "file ") }); len(came) > 0 {
		t.failf("an IPAM plugin made %s", kinds(came))
	}
	return nil
}

// place is the namespace that an interface is said to be in, nil for one that is neither.
func (t *trial) place(a *attachment, i *current.Interface) *namespace {
	switch i.Sandbox {
	case "":
		return t.host.namespace
	case a.box.path:
		return a.box.namespace
	}
	return nil
}

func (t *trial) compareInterface(a *attachment, i *current.Interface) {
	where := "the host's"
	if i.Sandbox != "" {
		where = "the sandbox's"
	}
	ns := t.place(a, i)
	if ns == nil {
		t.failf("an interface's sandbox is neither empty nor CNI_NETNS")
		return
	}
	link, err := ns.LinkByName(i.Name)
	if err != nil {
		t.failf("one of %s interfaces does not exist", where)
		return
	}
	attrs := link.Attrs()
	if i.Mac == "" && len(attrs.HardwareAddr) > 0 {
		t.failf("one of %s interfaces has no mac in the result", where)
	}
	if i.Mac != "" && !strings.EqualFold(i.Mac, attrs.HardwareAddr.String()) {
		t.failf("the mac of one of %s interfaces is another one", where)
	}
	if i.Mtu != 0 && i.Mtu != attrs.MTU {
		t.failf("the mtu of one of %s interfaces is another one", where)
	}
	if attrs.Flags&net.FlagUp == 0 {
		t.failf("one of %s interfaces is down", where)
	}
}

func (t *trial) compareAddress(a *attachment, result *current.Result, ip *current.IPConfig) {
	ns, name := a.box.namespace, a.ifname
	if index := ip.Interface; index != nil && *index >= 0 && *index < len(result.Interfaces) {
		name = result.Interfaces[*index].Name
		if ns = t.place(a, result.Interfaces[*index]); ns == nil {
			return
		}
	}
	link, err := ns.LinkByName(name)
	if err != nil {
		return // said of the interface
	}
	addresses, err := retry(func() ([]netlink.Addr, error) { return ns.AddrList(link, netlink.FAMILY_ALL) })
	has := func(have netlink.Addr) bool { return have.IPNet.String() == ip.Address.String() }
	if err != nil || !slices.ContainsFunc(addresses, has) {
		t.failf("an address of the result is not on its interface")
	}
}

// compareRoute looks for the route and then for each thing that the result says of it.
func (t *trial) compareRoute(a *attachment, r *types.Route) error {
	family := netlink.FAMILY_V6
	if r.Dst.IP.To4() != nil {
		family = netlink.FAMILY_V4
	}
	table := syscall.RT_TABLE_MAIN
	if r.Table != nil {
		table = *r.Table
	}
	have, err := a.box.routes(family, table)
	if err != nil {
		return err
	}
	have = slices.DeleteFunc(have, func(k netlink.Route) bool {
		return destination(k) != r.Dst.String() || r.GW != nil && !r.GW.Equal(k.Gw)
	})
	if len(have) == 0 {
		t.failf("a route of the result is not in its table")
		return nil
	}
	for _, field := range []struct {
		name string
		is   func(netlink.Route) bool
	}{
		{"mtu", func(k netlink.Route) bool { return r.MTU == 0 || k.MTU == r.MTU }},
		{"advmss", func(k netlink.Route) bool { return r.AdvMSS == 0 || k.AdvMSS == r.AdvMSS }},
		{"priority", func(k netlink.Route) bool { return r.Priority == 0 || k.Priority == r.Priority }},
		{"scope", func(k netlink.Route) bool { return r.Scope == nil || int(k.Scope) == *r.Scope }},
	} {
		if !slices.ContainsFunc(have, field.is) {
			t.failf("a route does not have the %s of the result", field.name)
		}
	}
	return nil
}

// destination is a route's, also of one to everywhere.
func destination(r netlink.Route) string {
	if r.Dst != nil {
		return r.Dst.String()
	}
	if r.Family == netlink.FAMILY_V6 {
		return "::/0"
	}
	return "0.0.0.0/0"
}

// compareSandbox looks that the result has all that is in the sandbox.
func (t *trial) compareSandbox(a *attachment, result *current.Result) error {
	lines, err := a.box.namespace.state()
	if err != nil {
		return err
	}
	for _, line := range lines {
		var address, name string
		switch {
		case strings.HasPrefix(line, "link lo "), strings.HasSuffix(line, " on lo"):
		case strings.HasPrefix(line, "link "):
			_, _ = fmt.Sscanf(line, "link %s", &name)
			if !slices.ContainsFunc(result.Interfaces, func(i *current.Interface) bool { return i.Name == name && i.Sandbox == a.box.path }) {
				t.failf("the sandbox has a link that is not in the result")
			}
		case strings.HasPrefix(line, "address "):
			_, _ = fmt.Sscanf(line, "address %s on %s", &address, &name)
			if !slices.ContainsFunc(result.IPs, func(ip *current.IPConfig) bool { return ip.Address.String() == address }) {
				t.failf("the sandbox has an address that is not in the result")
			}
		}
	}
	return nil
}

func withoutRules(lines state) state {
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "rule ") })
}
