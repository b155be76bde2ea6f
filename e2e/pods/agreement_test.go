package pods

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/braid-cni/braid/e2e/suite"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/store"
)

// agrees checks that the kernel, the stored results and the network-status annotation say the same of a pod, and that
// the pod has exactly these interfaces.
func (s *sandbox) agrees(t *suite.Test, interfaces ...string) {
	t.Helper()
	var names []string
	for _, l := range s.links(t) {
		names = append(names, l.Name)
	}
	if !slices.Equal(names, interfaces) {
		t.Errorf("pod %s has interfaces %q, want %q", s.pod.Name, names, interfaces)
	}
	status := s.status(t)
	attachments := s.attachments()
	if len(status) != len(attachments) {
		t.Fatalf("pod %s: status has %d networks, the store %d", s.pod.Name, len(status), len(attachments))
	}
	var wanted []string
	for i, a := range attachments {
		result := resultOf(t, a)
		wanted = append(wanted, wantedRoutes(t, result, a.IfName)...)
		s.resultAgrees(t, a, result)
		s.statusAgrees(t, a, status[i])
	}
	s.routesAgree(t, wanted)
}

// attachments are what the pod has, the one of the plugins before Braid in a chain included.
func (s *sandbox) attachments() (all []store.Attachment) {
	if s.record.Chained != nil {
		all = append(all, *s.record.Chained)
	}
	return append(all, s.record.Attachments...)
}

func resultOf(t *suite.Test, a store.Attachment) *current.Result {
	t.Helper()
	raw, err := create.CreateFromBytes(a.Result)
	if err != nil {
		t.Fatalf("result of %s: %v", a.Network, err)
	}
	result, err := current.NewResultFromResult(raw)
	if err != nil {
		t.Fatalf("result of %s: %v", a.Network, err)
	}
	return result
}

func (s *sandbox) resultAgrees(t *suite.Test, a store.Attachment, result *current.Result) {
	t.Helper()
	i := slices.IndexFunc(result.Interfaces, func(i *current.Interface) bool { return i.Sandbox == s.record.Netns })
	if i < 0 {
		t.Errorf("the result of %s has no interface in %s: %v", a.Network, s.record.Netns, result)
		return
	}
	in, l := result.Interfaces[i], s.link(t, a.IfName)
	if in.Name != l.Name || in.Mac != l.MAC || in.Mtu != 0 && in.Mtu != l.MTU {
		t.Errorf("%s: the result says %s %s mtu %d, the kernel %s %s mtu %d", a.Network, in.Name, in.Mac, in.Mtu, l.Name, l.MAC, l.MTU)
	}
	var ips []string
	for _, ip := range result.IPs {
		if *ip.Interface != i {
			t.Errorf("%s: address %s is of interface %d, not %d", a.Network, &ip.Address, *ip.Interface, i)
		}
		ips = append(ips, ip.Address.String())
	}
	slices.Sort(ips)
	if !slices.Equal(ips, l.prefixes()) {
		t.Errorf("%s: the result has addresses %q, the kernel %q", a.Network, ips, l.prefixes())
	}
}

// wantedRoutes are the routes of a result, with the network's gateway where a route names none.
func wantedRoutes(t *suite.Test, result *current.Result, dev string) (lines []string) {
	t.Helper()
	for _, r := range result.Routes {
		v4 := r.Dst.IP.To4() != nil
		gateway := r.GW
		for _, ip := range result.IPs {
			if gateway == nil && (ip.Address.IP.To4() != nil) == v4 {
				gateway = ip.Gateway
			}
		}
		lines = append(lines, routeLine(r.Dst.String(), gateway.String(), dev))
	}
	return lines
}

func routeLine(dst, gateway, dev string) string {
	return fmt.Sprintf("%s via %s dev %s", dst, gateway, dev)
}

// routesAgree checks that the pod has these routes, and those of the kernel for each address, and no others.
func (s *sandbox) routesAgree(t *suite.Test, wanted []string) {
	t.Helper()
	var have []string
	for family, everything := range map[string]string{"-4": "0.0.0.0/0", "-6": "::/0"} {
		for _, r := range s.routes(t, family) {
			if r.Protocol != "kernel" {
				have = append(have, routeLine(strings.ReplaceAll(r.Dst, "default", everything), r.Gateway, r.Dev))
			}
		}
	}
	slices.Sort(wanted)
	slices.Sort(have)
	if !slices.Equal(wanted, have) {
		t.Errorf("pod %s: the results have routes %q, the kernel %q", s.pod.Name, wanted, have)
	}
}

var errNoStatus = errors.New("the pod has no network-status yet")

// status waits for the annotation, which follows the pod's start.
func (s *sandbox) status(t *suite.Test) []nadv1.NetworkStatus {
	t.Helper()
	var all []nadv1.NetworkStatus
	t.Eventually(func() error {
		text, err := t.Kube.Annotation(t.Ctx, s.pod.Namespace, s.pod.Name, nadv1.NetworkStatusAnnot)
		if err == nil && text == "" {
			err = fmt.Errorf("%w: %s", errNoStatus, s.pod.Name)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &all)
	})
	return all
}

func (s *sandbox) statusAgrees(t *suite.Test, a store.Attachment, status nadv1.NetworkStatus) {
	t.Helper()
	l := s.link(t, a.IfName)
	slices.Sort(status.IPs)
	if status.Name != a.Network || status.Default != a.Default || status.Interface != l.Name ||
		status.Mac != l.MAC || status.Mtu != 0 && status.Mtu != l.MTU || !slices.Equal(status.IPs, l.ips()) {
		t.Errorf("pod %s, network %s: the status says %+v, the kernel %+v", s.pod.Name, a.Network, status, l)
	}
	want := s.gateways(t, a.IfName)
	slices.Sort(status.Gateway)
	if !slices.Equal(status.Gateway, want) {
		t.Errorf("pod %s, network %s: the status has gateways %q, the kernel %q", s.pod.Name, a.Network, status.Gateway, want)
	}
}

// gateways are the next hops of the default routes by one interface, sorted.
func (s *sandbox) gateways(t *suite.Test, dev string) (all []string) {
	t.Helper()
	for _, family := range []string{"-4", "-6"} {
		for _, r := range s.routes(t, family) {
			if r.Dst == "default" && r.Dev == dev {
				all = append(all, netip.MustParseAddr(r.Gateway).String())
			}
		}
	}
	slices.Sort(all)
	return all
}

// builtIn checks what built-in plugins do and others may not: the host side of each interface is found by name and
// alias, and the status says the MTU.
func (s *sandbox) builtIn(t *suite.Test) {
	t.Helper()
	for i, status := range s.status(t) {
		s.hostSide(t, s.record.Attachments[i])
		if mtu := s.link(t, status.Interface).MTU; status.Mtu != mtu {
			t.Errorf("pod %s: the status of %s has MTU %d, the kernel %d", s.pod.Name, status.Name, status.Mtu, mtu)
		}
	}
}

// hostSide checks one interface's: its name, its alias, the network's bridge that it is a port of, and that the result
// names both.
func (s *sandbox) hostSide(t *suite.Test, a store.Attachment) {
	t.Helper()
	alias := kernel.Alias(fmt.Sprintf("%s/%s %s %s", s.pod.Namespace, s.pod.Name, a.IfName, a.Network))
	inside, l, bridge := s.link(t, a.IfName), s.hostLink(t, kernel.LinkName(s.record.ID, a.IfName)), s.hostLink(t, bridgeOf(t, a))
	if l.Alias != alias || l.PeerIndex != inside.Index || inside.PeerIndex != l.Index || l.MTU != inside.MTU || l.Master != bridge.Name {
		t.Errorf("the host side of %s in pod %s is %+v, want alias %q, master %s and peer %+v", a.IfName, s.pod.Name, l, alias, bridge.Name, inside)
	}
	result := resultOf(t, a)
	if len(result.Interfaces) < 3 {
		t.Fatalf("the result of %s has interfaces %v, want bridge, host side and pod's side", a.Network, result.Interfaces)
	}
	for i, have := range []link{bridge, l} {
		if got := result.Interfaces[i]; got.Name != have.Name || got.Mac != have.MAC || got.Sandbox != "" {
			t.Errorf("interface %d in the result of %s is %+v, the host has %s with MAC %s", i, a.Network, got, have.Name, have.MAC)
		}
	}
}

// bridgeOf is the bridge that the configuration of an attachment names, or the plugin's own choice.
func bridgeOf(t *suite.Test, a store.Attachment) string {
	t.Helper()
	var list struct {
		Plugins []struct{ Bridge string }
	}
	if err := json.Unmarshal(a.Config, &list); err != nil || len(list.Plugins) == 0 {
		t.Fatalf("the configuration of %s: %v\n%s", a.Network, err, a.Config)
	}
	return cmp.Or(list.Plugins[0].Bridge, "cni0")
}

// hostLink is the node's link of that name.
func (s *sandbox) hostLink(t *suite.Test, name string) link {
	t.Helper()
	all := s.hostLinks(t)
	i := slices.IndexFunc(all, func(l link) bool { return l.Name == name })
	if i < 0 {
		t.Fatalf("%s has no link %s of pod %s but %+v", s.node.Name, name, s.pod.Name, all)
	}
	return all[i]
}
