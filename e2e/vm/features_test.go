package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// guestVariable tells the test binary that it runs as a program of a guest.
const guestVariable = "BRAID_VM_GUEST"

// TestGuest runs the guest's tests in a guest: it starts this very test binary
// there with itself as the only test.
func TestGuest(t *testing.T) {
	if os.Getenv(guestVariable) != "" {
		for _, test := range guestTests() {
			t.Run(test.name, test.run)
		}
		return
	}
	needKernel(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := Program{Path: self, Args: []string{"-test.v", "-test.run=^TestGuest$"}, Dir: t.TempDir(),
		Env: []string{"PATH=" + systemPath, guestVariable + "=1"}, Timeout: 2 * time.Minute}
	code, err := Run(context.Background(), p, &out)
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v:\n%s", code, err, out.String())
	}
	if passed := strings.Count(out.String(), "    --- PASS: TestGuest/"); passed != len(guestTests()) {
		t.Errorf("%d tests passed in the guest, want %d:\n%s", passed, len(guestTests()), out.String())
	}
}

type guestTest struct {
	name string
	run  func(*testing.T)
}

func guestTests() []guestTest {
	return []guestTest{
		{"VLANFiltering", testVLANFiltering},
		{"LinkKinds", testLinkKinds},
		{"VRFKeepsRoutesApart", testVRFKeepsRoutesApart},
	}
}

// testVLANFiltering asserts with packets: ports of one VLAN reach each other,
// ports of two do not.
func testVLANFiltering(t *testing.T) {
	ip(t, "link add br10 up type bridge vlan_filtering 1 vlan_default_pvid 0")
	for _, node := range []struct{ name, vlan string }{{"1", "10"}, {"2", "10"}, {"3", "20"}} {
		port := "port" + node.name
		ip(t, "netns add n"+node.name)
		ip(t, "link add "+port+" master br10 up type veth peer name eth0 netns n"+node.name)
		ip(t, "-n n"+node.name+" addr add 10.0.0."+node.name+"/24 dev eth0")
		ip(t, "-n n"+node.name+" link set eth0 up")
		mustRun(t, "bridge", "vlan add dev "+port+" vid "+node.vlan+" pvid untagged")
	}
	if err := ping("n1", "10.0.0.2"); err != nil {
		t.Errorf("two ports of VLAN 10 do not reach each other: %v", err)
	}
	if ping("n1", "10.0.0.3") == nil {
		t.Error("a port of VLAN 10 reaches one of VLAN 20")
	}
}

// testLinkKinds asks the kernel what it made, not what it was told.
func testLinkKinds(t *testing.T) {
	ip(t, "link add d0 up type dummy")
	for name, spec := range map[string]string{
		"vlan":   "link d0 type vlan id 7",
		"ipvlan": "link d0 type ipvlan mode l3s",
		"vrf":    "type vrf table 12",
		"ipip":   "type ipip local 10.1.1.1 remote 10.1.1.2",
		"geneve": "type geneve id 9 remote 10.1.1.2",
		"vxlan":  "type vxlan id 9 dev d0 dstport 4789",
	} {
		ip(t, "link add t-"+name+" "+spec)
		if kind := kindOf(t, "t-"+name); kind != name {
			t.Errorf("t-%s is a %q link", name, kind)
		}
	}
}

func testVRFKeepsRoutesApart(t *testing.T) {
	for _, name := range []string{"red", "blue"} {
		table := map[string]string{"red": "101", "blue": "102"}[name]
		ip(t, "link add "+name+" up type vrf table "+table)
		ip(t, "link add d-"+name+" up master "+name+" type dummy")
		ip(t, "addr add 10.7.0.1/24 dev d-"+name)
		if out := ip(t, "route get 10.7.0.9 vrf "+name); !strings.Contains(out, "dev d-"+name) {
			t.Errorf("the route in %s is %q", name, out)
		}
	}
}

func kindOf(t *testing.T, link string) string {
	t.Helper()
	var links []struct {
		Info struct {
			Kind string `json:"info_kind"`
		} `json:"linkinfo"`
	}
	if err := json.Unmarshal([]byte(ip(t, "-d -j link show "+link)), &links); err != nil || len(links) != 1 {
		t.Fatalf("read link %s: %v, %d links", link, err, len(links))
	}
	return links[0].Info.Kind
}

func ping(netns, addr string) error {
	return exec.Command("ip", "netns", "exec", netns, "busybox", "ping", "-c", "1", "-W", "2", addr).Run()
}

func ip(t *testing.T, args string) string {
	t.Helper()
	return mustRun(t, "ip", args)
}

func mustRun(t *testing.T, name, args string) string {
	t.Helper()
	out, err := exec.Command(name, strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, args, err, out)
	}
	return string(out)
}
