package doctor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/wire"
)

func TestHealthyNode(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		p := healthy(t, w)
		if got := p.examine(t); len(got) > 0 {
			t.Errorf("found on a healthy node:\n%s", strings.Join(got, "\n"))
		}
		if got := p.Examine(t.Context()); len(got) != len(Checks()) {
			t.Errorf("%d findings, want one ok for each of %d checks", len(got), len(Checks()))
		}
	})
}

// A planted is a fault that a test makes, and the lines that it must give: each a list of parts. No more lines may come.
type planted struct {
	name  string
	plant func(t *testing.T, p *patient)
	want  [][]string
}

var plantedFaults = []planted{
	{"old kernel", func(t *testing.T, p *patient) { p.write(t, "/proc/sys/kernel/osrelease", "5.10.0-30-amd64\n") },
		[][]string{{"kernel fault: Linux 5.10.0-30-amd64 is too old", "5.14"}}},
	{"newer kernel", func(t *testing.T, p *patient) { p.write(t, "/proc/sys/kernel/osrelease", "6.1\n") }, nil},
	{"no kernel release", func(t *testing.T, p *patient) { p.remove(t, "/proc/sys/kernel/osrelease") },
		[][]string{{"kernel warning: this could not be checked", "as root"}}},
	{"clock before the build", func(t *testing.T, p *patient) { p.Built = p.now.AddDate(0, 0, 1) },
		[][]string{{"clock fault: the clock shows 2030-01-01 00:00 UTC, but braidctl was built at 2030-01-02", "set-ntp"}}},
	{"expired certificate", func(t *testing.T, p *patient) {
		p.write(t, kubeletFile, certificate(t, p.now.AddDate(-1, 0, 0), p.now.AddDate(0, 0, -1)))
	}, [][]string{{"certificates fault: " + kubeletCert + " expired at 2029-12-31", "kubectl get csr"}}},
	{"certificate of the future", func(t *testing.T, p *patient) {
		p.write(t, "/etc/kubernetes/pki/apiserver.crt", certificate(t, p.now.AddDate(0, 0, 1), p.now.AddDate(1, 0, 0)))
	}, [][]string{{"certificates fault: /etc/kubernetes/pki/apiserver.crt is not valid before 2030-01-02", "set-ntp"}}},
	{"certificate that nobody renewed", func(t *testing.T, p *patient) {
		p.write(t, kubeletFile, certificate(t, p.now.AddDate(-1, 0, 0), p.now.AddDate(0, 0, 5)))
	}, [][]string{{"certificates warning: " + kubeletCert + " expires at 2030-01-06"}}},
	{"no certificate in the file", func(t *testing.T, p *patient) { p.write(t, kubeletFile, "x") },
		[][]string{{"certificates fault: " + kubeletCert + " is no certificate"}}},
	{"no binary", func(t *testing.T, p *patient) { p.remove(t, "/opt/cni/bin/braid") },
		[][]string{{"binary fault: /opt/cni/bin/braid is missing", "kubectl -n braid-system"}}},
	{"binary without the right", func(t *testing.T, p *patient) { p.chmod(t, "/opt/cni/bin/braid", 0o644) },
		[][]string{{"binary fault: /opt/cni/bin/braid is not executable (mode 0644)"}}},
	{"no conflist", func(t *testing.T, p *patient) { p.remove(t, "/etc/cni/net.d/00-braid.conflist") },
		[][]string{{"conflist fault: no file in /etc/cni/net.d starts braid", "logs"}}},
	{"conflist renamed by Cilium", func(t *testing.T, p *patient) {
		p.remove(t, "/etc/cni/net.d/00-braid.conflist")
		p.write(t, "/etc/cni/net.d/00-braid.conflist.cilium_bak", ourConf)
	}, [][]string{{"conflist fault: /etc/cni/net.d/00-braid.conflist.cilium_bak was renamed by Cilium", "cni.exclusive"}}},
	{"broken conflist", func(t *testing.T, p *patient) { p.write(t, "/etc/cni/net.d/00-braid.conflist", ourConf[:40]) },
		[][]string{{"conflist fault: /etc/cni/net.d/00-braid.conflist cannot be used: it is not JSON", "remove the file"}}},
	{"mistake in the conflist", func(t *testing.T, p *patient) {
		p.write(t, "/etc/cni/net.d/00-braid.conflist", strings.Replace(ourConf, `"type":"braid",`, `"type":"braid","timeout":"soon",`, 1))
	}, [][]string{{"conflist fault: /etc/cni/net.d/00-braid.conflist has mistakes", "timeout"}}},
	{"conflist without a cluster network", func(t *testing.T, p *patient) {
		p.write(t, "/etc/cni/net.d/00-braid.conflist", `{"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"braid"}]}`)
	}, [][]string{{"conflist fault: /etc/cni/net.d/00-braid.conflist has no clusterNetwork"}}},
	{"cluster network of a CNI that is not there", func(t *testing.T, p *patient) {
		p.write(t, "/etc/cni/net.d/00-braid.conflist", `{"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"braid","clusterNetwork":"/etc/cni/net.d"}]}`)
	}, [][]string{{"conflist fault: /etc/cni/net.d/00-braid.conflist takes eth0 from /etc/cni/net.d, where no other CNI"}}},
	{"cluster network of a CNI that is there", func(t *testing.T, p *patient) {
		p.write(t, "/etc/cni/net.d/00-braid.conflist", `{"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"braid","clusterNetwork":"/etc/cni/net.d/10-x.conf"}]}`)
		p.write(t, "/etc/cni/net.d/10-x.conf", `{"cniVersion":"1.0.0","name":"x","type":"ptp"}`)
	}, nil},
	{"plugin that is not installed", func(t *testing.T, p *patient) {
		p.write(t, "/etc/cni/net.d/00-braid.conflist", `{"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"ptp"},{"type":"braid"}]}`)
	}, [][]string{{"conflist fault: /etc/cni/net.d/00-braid.conflist names plugin ptp, but /opt/cni/bin/ptp is missing"}}},
	{"another CNI before ours", func(t *testing.T, p *patient) {
		p.write(t, "/etc/cni/net.d/00-aaa.conf", `{"cniVersion":"1.0.0","name":"aaa","type":"ptp"}`)
		p.write(t, "/etc/cni/net.d/10-calico.conflist", `{"cniVersion":"1.0.0","name":"c","plugins":[{"type":"calico"}]}`)
	}, [][]string{{"conflist-order fault: /etc/cni/net.d/00-aaa.conf sorts before 00-braid.conflist", "mv /etc/cni/net.d/00-aaa.conf /etc/cni/net.d/90-00-aaa.conf"}}},
	{"no agent", func(_ *testing.T, p *patient) { p.listener.Close() },
		[][]string{{"agent fault: ask the agent at ", "is braidd running?", "kubectl -n braid-system"}}},
	{"agent not ready", func(_ *testing.T, p *patient) { p.refusal = "braid: the agent has not read the cluster yet" },
		[][]string{{"agent fault: the agent at ", "is not ready: braid: the agent has not read the cluster yet"}}},
	{"file that another CNI contests", func(_ *testing.T, p *patient) {
		p.report.Ready, p.report.Reason = false, "renamed"
		p.report.Condition = &wire.Condition{Type: "BraidNetworkConfigured", Reason: "ConflistContested", Message: "renamed: set cni.exclusive to false"}
	}, [][]string{{"agent fault: the agent is not ready (ConflistContested): renamed: set cni.exclusive to false", "kubectl describe node"}}},
	{"no IPv4 forwarding", func(t *testing.T, p *patient) { p.set(t, "net/ipv4/ip_forward", "0") },
		[][]string{{"forwarding fault: IPv4 forwarding is off, and pod default/web needs it", "sysctl -w net/ipv4/ip_forward=1"}}},
	{"no IPv6 forwarding", func(_ *testing.T, p *patient) {
		eth0 := &p.inspection.Containers[0].Interfaces[0]
		eth0.Addresses = append(eth0.Addresses, "fd00::2/64")
	}, [][]string{{"forwarding fault: IPv6 forwarding is off, and pod default/web needs it", "net/ipv6/conf/all/forwarding=1", "accept_ra"}}},
	{"strict reverse path on a bridge", func(t *testing.T, p *patient) { p.set(t, "net/ipv4/conf/braid0/rp_filter", "1") },
		[][]string{{"reverse-path warning: rp_filter is strict on braid0", "sysctl -w net/ipv4/conf/braid0/rp_filter=2"}}},
	{"loose on the bridge under strict for all", func(t *testing.T, p *patient) { p.set(t, "net/ipv4/conf/all/rp_filter", "1") }, nil},
	{"NetworkManager", func(t *testing.T, p *patient) { p.write(t, "/run/NetworkManager/no-stub-resolv.conf", "") },
		[][]string{{"link-owners fault: NetworkManager takes links named braid*", "systemctl reload NetworkManager"}}},
	{"NetworkManager with a comment for a drop-in", func(t *testing.T, p *patient) {
		p.write(t, "/run/NetworkManager/no-stub-resolv.conf", "")
		p.write(t, "/etc/NetworkManager/conf.d/x.conf", "[keyfile]\n# unmanaged-devices=interface-name:braid*\n")
	}, [][]string{{"link-owners fault: NetworkManager"}}},
	{"NetworkManager with our drop-in", func(t *testing.T, p *patient) {
		p.write(t, "/run/NetworkManager/no-stub-resolv.conf", "")
		p.write(t, "/etc/NetworkManager/conf.d/00-braid.conf", "[keyfile]\nunmanaged-devices+=interface-name:braid*;interface-name:brb-*\n")
	}, nil},
	{"systemd-networkd", func(t *testing.T, p *patient) { p.write(t, "/run/systemd/netif/state", "") },
		[][]string{{"link-owners fault: systemd-networkd takes links", "networkctl reload"}, {"link-owners fault: systemd-networkd removes routes"}}},
	{"systemd-networkd with our drop-ins", func(t *testing.T, p *patient) {
		p.write(t, "/run/systemd/netif/state", "")
		p.write(t, "/etc/systemd/network/00-braid.network", "[Match]\nName=braid* brb-*\n[Link]\nUnmanaged=yes\n")
		p.write(t, "/etc/systemd/networkd.conf.d/00-braid.conf", "[Network]\nManageForeignRoutes=no\n")
	}, nil},
	{"leaked link", func(t *testing.T, p *patient) {
		leak := kernel.LinkName("gone", "net1")
		must(t, kernel.AddVeth(p.host(t), kernel.Veth{Name: leak, MAC: kernel.RandomMAC(), Peer: "leak", PeerMAC: kernel.RandomMAC()}))
		must(t, p.host(t).SetLink(leak, kernel.LinkChange{Alias: "default/old net1 default/neta"}))
	}, [][]string{{"host-links fault: link " + kernel.LinkName("gone", "net1") + " (made for default/old net1 default/neta) is of no pod", "ip link delete " + kernel.LinkName("gone", "net1")}}},
	{"link of another owner", func(t *testing.T, p *patient) {
		must(t, kernel.AddVeth(p.host(t), kernel.Veth{Name: "braidxyz", MAC: kernel.RandomMAC(), Peer: "other", PeerMAC: kernel.RandomMAC()}))
	}, nil},
	{"interface without its host link", func(_ *testing.T, p *patient) {
		web := &p.inspection.Containers[0]
		web.Interfaces = append(web.Interfaces, wire.Interface{Network: "default/neta", Name: "net1", State: wire.StateMissing})
	}, [][]string{{"host-links fault: interface net1 of pod default/web on network default/neta is gone", "kubectl -n default delete pod web"}}},
	{"interface of a pod that is being removed", func(_ *testing.T, p *patient) {
		later := p.inspection
		p.later = &later
		web := p.inspection.Containers[0]
		web.ID, web.Interfaces = "c2", []wire.Interface{{Network: "default/neta", Name: "net1", State: wire.StateMissing}}
		p.inspection.Containers = append(slices.Clone(p.inspection.Containers), web)
	}, nil},
	{"interface that is down", func(_ *testing.T, p *patient) { p.inspection.Containers[0].Interfaces[0].State = wire.StateDown },
		[][]string{{"host-links warning: interface eth0 of pod default/web", "ip link set " + kernel.LinkName("c1", "eth0") + " up"}}},
	{"interface under way", func(_ *testing.T, p *patient) {
		p.inspection.Containers[0].Attached, p.inspection.Containers[0].Interfaces[0].State = false, wire.StateMissing
	}, nil},
	{"full range", func(t *testing.T, p *patient) { p.lease(t, "braid-pods", 3, 14) },
		[][]string{{"leases fault: all addresses are in use: 13 of 13 addresses of 10.244.0.0/28 are leased in /var/lib/cni/networks/braid-pods"}}},
	{"range that is nearly full", func(t *testing.T, p *patient) { p.lease(t, "braid-pods", 3, 13) },
		[][]string{{"leases warning: few addresses are left: 12 of 13"}}},
	{"full range of another CNI", func(t *testing.T, p *patient) {
		p.write(t, "/etc/cni/net.d/10-x.conf", `{"cniVersion":"1.0.0","name":"x","type":"ptp","ipam":{"type":"host-local","subnet":"10.244.0.0/29","rangeEnd":"10.244.0.4"}}`)
		p.lease(t, "x", 2, 4)
	}, [][]string{{"leases fault: all addresses are in use: 3 of 3"}}},
}

func (p *patient) lease(t *testing.T, network string, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		p.write(t, fmt.Sprintf("/var/lib/cni/networks/%s/10.244.0.%d", network, i), "c")
	}
}

func TestPlantedFaults(t *testing.T) {
	for _, tt := range plantedFaults {
		t.Run(tt.name, func(t *testing.T) {
			kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
				p := healthy(t, w)
				tt.plant(t, p)
				compare(t, p.examine(t), tt.want)
			})
		})
	}
}

func compare(t *testing.T, got []string, want [][]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d findings, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i, parts := range want {
		for _, part := range parts {
			if !strings.Contains(got[i], part) {
				t.Errorf("finding %q lacks %q", got[i], part)
			}
		}
	}
}

// Every fault says how to mend it, and every check is found at fault somewhere.
func TestEveryCheckIsPlanted(t *testing.T) {
	planted := map[string]bool{}
	for _, tt := range append(slices.Clone(plantedFaults), plantedRules...) {
		for _, parts := range tt.want {
			name, _, _ := strings.Cut(parts[0], " ")
			planted[name] = true
		}
	}
	for _, name := range Checks() {
		if !planted[name] {
			t.Errorf("no test plants what check %s finds", name)
		}
	}
}

func TestEveryCheckIsInThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/user/doctor.md")
	must(t, err)
	var headings []string
	for line := range strings.Lines(string(page)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			headings = append(headings, name)
		}
	}
	if !slices.Equal(headings, Checks()) {
		t.Errorf("the page has %q, the checks are %q", headings, Checks())
	}
}
