package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/braid-cni/braid/lab/labtest"
	"github.com/braid-cni/braid/wire"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

const example = "../../examples/three-networks.yaml"

func braidctl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), "braidctl", args, strings.NewReader(""), &out, &out)
	return out.String(), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := braidctl(t, args...)
	if err != nil {
		t.Fatalf("braidctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// shortDir is a folder whose path leaves room for a socket's, which is not made yet.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "l")
}

func TestLaboratoryByCommand(t *testing.T) {
	programs, dir := labtest.Programs(t), shortDir(t)
	out := must(t, "lab", "up", "--dir", dir, "--nodes", "2", "-f", example, "--programs", programs)
	defer must(t, "lab", "down", "--dir", dir)
	if want := "2 nodes and 3 pods are up in " + dir + "\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	shows(t, must(t, "pod", "show", "--lab="+dir),
		`pod default/web-1 on node-1\nNETWORK +INTERFACE`,
		`\ndefault/netb +net2 +10\.20\.0\.2/24 +([0-9a-f:]{17}) +braid[0-9a-f]{10} +br-b +1400 +up\n`,
		`pod default/web-3 on node-2\n`)
	var shown []wire.Inspection
	if err := json.Unmarshal([]byte(must(t, "pod", "show", "web-3", "-o", "json", "--lab="+dir)), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown) != 2 || len(shown[0].Containers) != 0 || len(shown[1].Containers) != 1 {
		t.Errorf("web-3 is %+v", shown)
	}
	if out := must(t, "network", "list", "--lab="+dir); strings.Count(out, "default/neta") != 2 {
		t.Errorf("network list:\n%s", out)
	}
	shows(t, must(t, "trace", "add", "default/web-3", "--lab="+dir),
		`ADD of default/web-3 at 20.*Z\nAT +TOOK +INTERFACE +STEP +WHEN\n0 +\d+ +- +reach the agent +[.#]+\n`,
		`\n\d+ +\d+ +net2 +make the veth +[.#]+\n(.*\n)+\d+ +- +- +done\n$`)
	if _, err := braidctl(t, "trace", "add", "none", "--lab="+dir); err == nil || !strings.Contains(err.Error(), "no ADD of pod default/none") {
		t.Errorf("trace of no pod: %v", err)
	}
	shows(t, must(t, "node", "show", "--lab="+dir),
		`Node: +node-1\nVersion: .*\nKernel: .*\nReady: +yes\n`, `Cluster network: +cluster \(bridge\)\n`,
		`\ndefault/neta +bridge +2\n`, `\ndefault/netb +10\.20\.0\.1-10\.20\.0\.254 +2 +253\n`, `\nNode: +node-2\n`)
	shows(t, must(t, "network", "show", "netb", "--lab="+dir),
		`Network: +default/netb\nNode: +node-1\nConfiguration: +netb \(bridge\)\nMTU: +1400\nBridge: +br-b up mtu 1400\n`,
		`\ndefault/web-1 +net2 +10\.20\.0\.2/24 +([0-9a-f:]{17}) +braid[0-9a-f]{10} +br-b +1400 +up\n`,
		`\nNode: +node-2\n(.*\n)+default/web-3 +net2 `)
	if out := must(t, "network", "show", "cluster", "--lab="+dir); strings.Count(out, "Network:        cluster (eth0)") != 2 {
		t.Errorf("network show cluster:\n%s", out)
	}
	if _, err := braidctl(t, "network", "show", "netb", "-n", "kube-system", "--lab="+dir); err == nil || !strings.Contains(err.Error(), "kube-system/netb") {
		t.Errorf("a network that is not there: %v", err)
	}
	if out := must(t, "lab", "exec", "--dir", dir, "web-1", "--", "echo", "-n", "here"); out != "here" {
		t.Errorf("exec: %q", out)
	}
	_, err := braidctl(t, "lab", "exec", "--dir", dir, "web-1", "--", "sh", "-c", "exit 7")
	if status, said := exitStatus(err); status != 7 || !said {
		t.Errorf("exec: status %d, %v", status, err)
	}
	if _, err := braidctl(t, "pod", "show", "web-9", "--lab="+dir); err == nil || !strings.Contains(err.Error(), "no pod default/web-9") {
		t.Errorf("a pod that is not there: %v", err)
	}
}

// shows checks that all patterns are in what was printed.
func shows(t *testing.T, out string, patterns ...string) {
	t.Helper()
	for _, want := range patterns {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
}

func TestDemo(t *testing.T) {
	programs, dir := labtest.Programs(t), shortDir(t)
	out := must(t, "lab", "demo", "--dir", dir, "--nodes", "2", "-f", example, "--programs", programs)
	shows(t, out,
		`(?m)^default/neta +default/web-1 +default/web-2 +10\.10\.0\.3 +1500 +[0-9.]+ ms$`,
		`(?m)^default/netb +default/web-1 +default/web-2 +10\.20\.0\.3 +1400 +[0-9.]+ ms$`,
		`(?m)^cluster +default/web-1 +default/web-3 +10\.244\.2\.2 +1500 +[0-9.]+ ms$`,
		`All of it is gone again`)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the demo left its folder: %v", err)
	}
}

func TestWithoutAnAgent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for _, args := range [][]string{{"pod", "show"}, {"network", "list"}, {"network", "show", "a"}, {"node", "show"}} {
		_, err := braidctl(t, append(args, "--socket", socket)...)
		if err == nil || !strings.Contains(err.Error(), "is braidd running?") {
			t.Errorf("%v: %v", args, err)
		}
	}
	_, err := braidctl(t, "pod", "show", "--lab="+t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "no laboratory is up") {
		t.Errorf("no laboratory: %v", err)
	}
}

// serve answers one call.
func serve(t *testing.T, answer *wire.Response) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if wire.Read(conn, new(wire.Request)) == nil {
			_ = wire.Write(conn, answer)
		}
	}()
	return socket
}

func TestAgentRefuses(t *testing.T) {
	socket := serve(t, &wire.Response{Failed: true, Output: []byte(`{"code":100,"msg":"braid: update the older one"}`)})
	if _, err := braidctl(t, "pod", "show", "--socket", socket); err == nil || err.Error() != "braid: update the older one" {
		t.Errorf("got %v", err)
	}
}

func TestCommandLine(t *testing.T) {
	if out := must(t, "version"); !strings.HasPrefix(out, "braidctl ") {
		t.Errorf("version: %q", out)
	}
	socket := serve(t, &wire.Response{Output: []byte(`{"containers":[]}`)})
	if _, err := braidctl(t, "pod", "show", "-o", "yaml", "--socket", socket); err == nil || !strings.Contains(err.Error(), "use json") {
		t.Errorf("unknown output: %v", err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), "kubectl-braid", []string{"--help"}, nil, &out, &out); err != nil || !strings.Contains(out.String(), "kubectl braid [command]") {
		t.Errorf("as a plugin of kubectl: %v\n%s", err, out.String())
	}
	for _, word := range []string{"--socket", "--lab"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("help lacks %s", word)
		}
	}
}
