package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// beMain is the variable that makes the test binary braidd.
const beMain = "BRAIDD_TEST_BE_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A machine runs braidd once in a host namespace of its own.
type machine struct {
	options
	world *kerneltest.World
	dir   string
	// pod is the path of the only container's namespace.
	pod string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	w := kerneltest.NewReal(t)
	m := &machine{world: w, dir: t.TempDir(), pod: w.Netns(t)}
	m.options = options{files: m.dir, state: t.TempDir(), run: t.TempDir(), socket: filepath.Join(t.TempDir(), "s"), root: "/"}
	nad, err := json.Marshal(map[string]any{
		"kind": "NetworkAttachmentDefinition", "metadata": map[string]string{"name": "neta"},
		"spec": map[string]string{"config": m.bridge("br-a", "10.10.0.0/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	pod := `{"kind":"Pod","metadata":{"name":"web","annotations":{"k8s.v1.cni.cncf.io/networks":"neta"}}}`
	for name, content := range map[string]string{"nad.json": string(nad), "pod.json": pod} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *machine) bridge(name, subnet string) string {
	return fmt.Sprintf(`{"cniVersion":"1.1.0","type":"bridge","bridge":%q,"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":%q}]]}}`,
		name, m.run, subnet)
}

// config is the plugin's, with more keys.
func (m *machine) config(more string) string {
	return fmt.Sprintf(`{"cniVersion":"1.1.0","name":"once","type":"braid","pathsAllow":[%q],"clusterNetwork":%s%s}`,
		m.run, m.bridge("brd0", "10.1.0.0/24"), more)
}

// call runs one call of a program in the machine's host namespace.
func (m *machine) call(t *testing.T, program, command, stdin string, change map[string]string) (string, error) {
	t.Helper()
	env := map[string]string{
		"CNI_COMMAND": command, "CNI_CONTAINERID": "c1", "CNI_NETNS": m.pod, "CNI_IFNAME": "eth0", "CNI_PATH": "/nowhere",
		"CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web", beMain: "yes",
	}
	for k, v := range change {
		env[k] = v
	}
	cmd := exec.Command("/proc/self/exe", "once", "--files", m.files, "--as", program,
		"--state", m.state, "--run", m.run, "--socket", m.socket)
	cmd.Stdin = strings.NewReader(stdin)
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var out []byte
	var err error
	m.world.In(t, m.world.Host, func() { out, err = cmd.Output() })
	return string(out), err
}

func (m *machine) must(t *testing.T, program, command, stdin string) string {
	t.Helper()
	out, err := m.call(t, program, command, stdin, nil)
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, command, err, out)
	}
	return out
}

// Every verb, in the order of a container's life, each by an agent of its own.
func TestOnceDoesEveryVerb(t *testing.T) {
	m := newMachine(t)
	before := m.world.Dump(t, m.pod)
	if out := m.must(t, "braid", "VERSION", `{"cniVersion":"1.0.0"}`); !strings.Contains(out, `"cniVersion":"1.0.0"`) || !strings.Contains(out, "1.1.0") {
		t.Errorf("VERSION: %s", out)
	}
	if out := m.must(t, "braid", "STATUS", m.config("")); out != "" {
		t.Errorf("STATUS: %s", out)
	}
	var result current.Result
	if err := json.Unmarshal([]byte(m.must(t, "braid", "ADD", m.config(""))), &result); err != nil || len(result.IPs) != 1 {
		t.Fatalf("ADD: %+v, %v", result, err)
	}
	m.must(t, "braid", "CHECK", m.config(""))
	m.must(t, "braid", "GC", m.config(`,"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]`))
	for _, link := range []string{"eth0", "net1"} {
		if found, err := kernel.LinkExists(kernel.New(kernel.Options{HostNetns: m.world.Host}), m.pod, link); err != nil || !found {
			t.Errorf("%s: %t, %v", link, found, err)
		}
	}
	m.must(t, "braid", "DEL", m.config(""))
	m.must(t, "braid", "DEL", m.config(""))
	if after := m.world.Dump(t, m.pod); after != before {
		t.Errorf("left behind:\n%sbefore:\n%s", after, before)
	}
	m.must(t, "braid", "ADD", m.config(""))
	m.must(t, "braid", "GC", m.config(`,"cni.dev/valid-attachments":[]`))
	if after := m.world.Dump(t, m.pod); after != before {
		t.Errorf("GC left behind:\n%sbefore:\n%s", after, before)
	}
}

func TestOnceIsAPartOfBraid(t *testing.T) {
	m := newMachine(t)
	before := m.world.Dump(t, m.pod)
	config := strings.Replace(m.bridge("br-part", "10.9.0.0/24"), `"type":"bridge"`, `"name":"part","type":"braid-bridge"`, 1)
	if out := m.must(t, "braid-bridge", "ADD", config); !strings.Contains(out, "10.9.0.2/24") {
		t.Errorf("ADD: %s", out)
	}
	m.must(t, "braid-bridge", "DEL", config)
	if after := m.world.Dump(t, m.pod); after != before {
		t.Errorf("left behind:\n%sbefore:\n%s", after, before)
	}
}

func TestOnceAnswersMistakes(t *testing.T) {
	m := newMachine(t)
	for _, tt := range []struct {
		name, command, stdin string
		change               map[string]string
		code                 uint
		text                 string
	}{
		{"nothing on stdin", "ADD", "", nil, 6, "empty"},
		{"no container", "ADD", m.config(""), map[string]string{"CNI_CONTAINERID": ""}, 4, "CNI_CONTAINERID"},
		{"unknown verb", "EAT", m.config(""), nil, 4, `CNI_COMMAND="EAT"`},
		{"unknown container", "CHECK", m.config(""), nil, 3, "has no eth0"},
		{"pod that is in no file", "ADD", m.config(""), map[string]string{"CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=db"}, 11, "default/db"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := m.call(t, "braid", tt.command, tt.stdin, tt.change)
			wantRefusal(t, out, err, tt.code, tt.text)
		})
	}
	m.files = ""
	out, err := m.call(t, "braid", "ADD", m.config(""), nil)
	wantRefusal(t, out, err, 7, "--files")
}

func wantRefusal(t *testing.T, out string, err error, code uint, text string) {
	t.Helper()
	var got wire.Error
	if jsonErr := json.Unmarshal([]byte(out), &got); jsonErr != nil {
		t.Fatalf("stdout is no CNI error: %q (%v)", out, err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || got.Code != code || !strings.Contains(got.Msg+got.Details, text) {
		t.Errorf("%v, %+v; want code %d and %q", err, got, code, text)
	}
}

// Another process holds the store: the call waits for a while and then tells the runtime to try again.
func TestOnceWaitsForTheStore(t *testing.T) {
	m := newMachine(t)
	other, err := store.Open(filepath.Join(m.state, "braid.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	out, err := m.call(t, "braid", "DEL", m.config(""), nil)
	wantRefusal(t, out, err, 11, "another braidd")
	m.must(t, "braid", "STATUS", m.config(""))
}
