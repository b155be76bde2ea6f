package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/wire"
)

// kubeletCert is kubelet's certificate, an absolute link to kubeletFile.
const (
	kubeletCert = "/var/lib/kubelet/pki/kubelet-client-current.pem"
	kubeletFile = "/var/lib/kubelet/pki/kubelet-client-1.pem"
)

// ourConf is the agent's configuration on a node of its own.
const ourConf = `{"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"braid","clusterNetwork":{"cniVersion":"1.1.0","name":"braid-pods",
"type":"bridge","bridge":"braid0","isGateway":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.0.0/28"}]]}}}]}`

// A patient is a node on which nothing is wrong until a test plants something.
type patient struct {
	*Node
	world *kerneltest.World
	now   time.Time
	// inspection, report and refusal are what the agent answers; an empty refusal means that it is ready.
	inspection wire.Inspection
	// later, when it is not nil, is what the agent answers the second time.
	later    *wire.Inspection
	report   wire.NodeReport
	refusal  string
	listener net.Listener
}

// noRules is a firewall without rules, for worlds without a kernel.
type noRules struct{}

func (noRules) Chains() ([]*nftables.Chain, error)              { return nil, nil }
func (noRules) Rules(*nftables.Chain) ([]*nftables.Rule, error) { return nil, nil }

func healthy(t *testing.T, w *kerneltest.World) *patient {
	t.Helper()
	p := &patient{world: w, report: wire.NodeReport{Ready: true}, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	p.Node = &Node{
		Root: t.TempDir(), Kernel: w.Kernel, Firewall: noRules{}, Socket: filepath.Join(t.TempDir(), "braid.sock"),
		ConfDir: "/etc/cni/net.d", BinDir: "/opt/cni/bin", Built: p.now.AddDate(-1, 0, 0), Now: func() time.Time { return p.now },
	}
	if w.Real {
		p.Firewall = NewFirewall(w.Host)
	}
	p.write(t, "/proc/sys/kernel/osrelease", "5.14.0-503.el9.x86_64\n")
	p.write(t, "/opt/cni/bin/braid", "ELF")
	p.chmod(t, "/opt/cni/bin/braid", 0o755)
	p.write(t, "/etc/cni/net.d/00-braid.conflist", ourConf)
	p.write(t, "/var/lib/cni/networks/braid-pods/10.244.0.2", "c1")
	p.write(t, kubeletFile, certificate(t, p.now.AddDate(0, -1, 0), p.now.AddDate(0, 11, 0)))
	must(t, os.Symlink(kubeletFile, filepath.Join(p.Root, kubeletCert)))
	p.network(t)
	p.serve(t)
	return p
}

// network makes a pod's link on a bridge with a gateway, and a bridge that only connects.
func (p *patient) network(t *testing.T) {
	t.Helper()
	host := p.host(t)
	must(t, host.AddBridge(kernel.Bridge{Name: "braid0", MAC: kernel.RandomMAC()}))
	must(t, host.SetLink("braid0", kernel.LinkChange{Alias: kernel.BridgeAlias, Up: true}))
	must(t, host.AddBridge(kernel.Bridge{Name: "br-a", MAC: kernel.RandomMAC()}))
	must(t, host.SetLink("br-a", kernel.LinkChange{Alias: kernel.BridgeAlias, Up: true}))
	bridge, err := host.Link("braid0")
	must(t, err)
	must(t, host.AddAddress(bridge.Index, kernel.Address{Prefix: netip.MustParsePrefix("10.244.0.1/28")}))
	must(t, kernel.AddVeth(host, kernel.Veth{Name: kernel.LinkName("c1", "eth0"), MAC: kernel.RandomMAC(), Peer: "pod", PeerMAC: kernel.RandomMAC(), Master: bridge.Index}))
	p.set(t, "net/ipv4/ip_forward", "1")
	p.set(t, "net/ipv4/conf/all/rp_filter", "0")
	p.set(t, "net/ipv4/conf/braid0/rp_filter", "2")
	p.inspection = wire.Inspection{Containers: []wire.Container{{
		ID: "c1", Namespace: "default", Pod: "web", Attached: true,
		Interfaces: []wire.Interface{{
			Network: "braid-pods", Name: "eth0", Default: true, Addresses: []string{"10.244.0.2/28"},
			HostLink: kernel.LinkName("c1", "eth0"), Bridge: "braid0", State: wire.StateUp,
		}},
	}}}
}

// serve answers as an agent does.
func (p *patient) serve(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", p.Socket)
	must(t, err)
	p.listener = listener
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			var r wire.Request
			if wire.Read(conn, &r) == nil {
				_ = wire.Write(conn, p.answer(r))
			}
			conn.Close()
		}
	}()
}

func (p *patient) answer(r wire.Request) wire.Response {
	if known, asked := map[string]any{wire.Inspect: p.inspection, wire.InspectNode: p.report}[r.Command]; asked {
		output, _ := json.Marshal(known)
		if r.Command == wire.Inspect && p.later != nil {
			p.inspection = *p.later
		}
		return wire.Response{Version: wire.Version, Output: output}
	}
	if p.refusal == "" && r.Command == "STATUS" && strings.Contains(string(r.Config), `"name":"braid"`) {
		return wire.Response{Version: wire.Version}
	}
	output, _ := json.Marshal(wire.Error{Code: 50, Msg: p.refusal})
	return wire.Response{Version: wire.Version, Output: output, Failed: true}
}

func (p *patient) host(t *testing.T) kernel.Netns {
	t.Helper()
	host, err := p.world.Kernel.Host()
	must(t, err)
	t.Cleanup(func() { host.Close() })
	return host
}

func (p *patient) set(t *testing.T, sysctl, value string) {
	t.Helper()
	must(t, p.host(t).SetSysctls(kernel.Setting{Name: sysctl, Value: value}))
}

func (p *patient) write(t *testing.T, file, content string) {
	t.Helper()
	file = filepath.Join(p.Root, file)
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, []byte(content), 0o644))
}

func (p *patient) remove(t *testing.T, file string) {
	t.Helper()
	must(t, os.Remove(filepath.Join(p.Root, file)))
}

func (p *patient) chmod(t *testing.T, file string, mode os.FileMode) {
	t.Helper()
	must(t, os.Chmod(filepath.Join(p.Root, file), mode))
}

// examine returns the findings that are not ok, a line each.
func (p *patient) examine(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, f := range p.Examine(t.Context()) {
		if f.State != OK {
			lines = append(lines, f.Check+" "+string(f.State)+": "+f.What+" | "+f.Mend)
		}
	}
	return lines
}

// certificate returns a key, which is not looked at, and a certificate of these times.
func certificate(t *testing.T, from, to time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte("x")})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
