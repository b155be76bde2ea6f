package conformance_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/braid-cni/braid/conformance"
)

const (
	// published is the page that has the reports, pluginsModule the reference plugins' module.
	published     = "../docs/design/conformance.md"
	pluginsModule = "github.com/containernetworking/plugins"
	pluginsPin    = "../e2e/binaries/plugins"
)

var update = flag.Bool("update", false, "write the published report")

// TestMain runs more tests at the same time than there are processors: they wait for the kernel more than they compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// A subject is a plugin with a configuration. Ours must pass.
type subject struct {
	name, what, config string
	ours               bool
}

// Routes that are not the kernel's usual.
const routes = `"routes":[{"dst":"0.0.0.0/0"},{"dst":"198.51.100.0/24","gw":"10.77.0.1","mtu":1400,"advmss":1300,"priority":50}]`

const dual = `"ipam":{"type":"host-local","ranges":[[{"subnet":"10.77.0.0/24"}],[{"subnet":"fd00:77::/64"}]],` + routes + `}`

// single is for plugins that wait for duplicate address detection, a second or two an ADD.
const single = `"ipam":{"type":"host-local","ranges":[[{"subnet":"10.77.0.0/24"}]],` + routes + `}`

const static = `"ipam":{"type":"static","addresses":[{"address":"10.77.0.9/24","gateway":"10.77.0.1"},` +
	`{"address":"fd00:77::9/64","gateway":"fd00:77::1"}],` + routes + `}`

const gateway = `"bridge":"br-conf","isGateway":true,"mtu":1450,`

func subjects() []subject {
	conf := func(typ, fields string) string {
		return fmt.Sprintf(`{"cniVersion":"1.1.0","name":"net","type":%q,%s}`, typ, fields)
	}
	bridge := gateway + `"ipMasq":true,` + dual
	meta := `"clusterNetwork":{"cniVersion":"1.1.0","name":"cluster","plugins":[{"type":"bridge",` + bridge + `}]}`
	return []subject{
		{"braid", "Braid, with a bridge as cluster network", conf("braid", meta), true},
		{"braid-bridge", "Braid's bridge by itself, with host-local", conf("braid-bridge", bridge), true},
		{"braid-bridge, static", "Braid's bridge by itself, with static", conf("braid-bridge", gateway+static), true},
		{"bridge", "the reference plugin, with host-local", conf("bridge", bridge), false},
		{"ptp", "the reference plugin, with host-local", conf("ptp", `"ipMasq":true,"mtu":1450,`+single), false},
		{"macvlan", "the reference plugin, with host-local", conf("macvlan", `"master":"eth0","mtu":1450,`+single), false},
		{"host-local", "the reference plugin by itself", conf("host-local", `"ipam":{"type":"host-local","ranges":[[{"subnet":"10.77.0.0/27"}]]}`), false},
	}
}

// Ours pass every step. Of the others what is published is still true.
func TestSubjects(t *testing.T) {
	needRoot(t)
	ours, reference := builtBraid(t), builtReference(t)
	var mu sync.Mutex
	reports := map[string]*conformance.Report{}
	t.Run("each", func(t *testing.T) {
		for _, s := range subjects() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				report, err := conformance.Run(t.Context(), s.options(ours, reference))
				if err != nil {
					t.Fatal(err)
				}
				if s.ours && report.Failed() {
					var text bytes.Buffer
					_ = report.WriteText(&text, true)
					t.Errorf("%s", text.String())
				}
				mu.Lock()
				defer mu.Unlock()
				reports[s.name] = report
			})
		}
	})
	if len(reports) == len(subjects()) {
		comparePublished(t, page(reports, version(t)))
	}
}

func (s subject) options(ours, reference string) conformance.Options {
	o := conformance.Options{Name: s.name, BinDirs: []string{reference}, Config: []byte(s.config)}
	if !s.ours {
		o.Versions = []string{"0.4.0", "1.1.0"}
		o.Skip = map[int]string{12: "depends on the moment at which it is killed"}
	}
	if s.ours {
		o.BinDirs = []string{ours, reference}
		o.Daemon = &conformance.Daemon{
			Command: []string{filepath.Join(ours, "braidd"), "--files", "/run/manifests", "--log-level", "warn"}, Ready: "/run/braid/braid.sock",
		}
	}
	return o
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN) to make network namespaces")
	}
}

// builtBraid returns a folder with the door, under its names, and the agent.
func builtBraid(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	goTool(t, "..", "", "build", "-tags", "nocluster", "-ldflags=github.com/braid-cni/braid/cmd/braid=-E _braid_entry", "-o", dir+"/", "./cmd/braid", "./cmd/braidd")
	if err := os.Link(filepath.Join(dir, "braid"), filepath.Join(dir, "braid-bridge")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// builtReference returns a folder with the reference plugins, of the version that the tests on a cluster use: theirs where
// that is filled.
func builtReference(t *testing.T) string {
	t.Helper()
	plugins := []string{"main/bridge", "main/macvlan", "main/ptp", "ipam/host-local", "ipam/static"}
	if cache, err := os.UserCacheDir(); err == nil {
		dir := filepath.Join(cache, "braid", "plugins-"+version(t))
		lacks := func(name string) bool { _, err := os.Stat(filepath.Join(dir, filepath.Base(name))); return err != nil }
		if !slices.ContainsFunc(plugins, lacks) {
			return dir
		}
	}
	dir := t.TempDir()
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", dir + "/"}
	for _, name := range plugins {
		args = append(args, pluginsModule+"/plugins/"+name)
	}
	goTool(t, pluginsPin, "off", args...)
	return dir
}

func version(t *testing.T) string {
	t.Helper()
	return goTool(t, pluginsPin, "off", "list", "-m", "-f", "{{.Version}}", pluginsModule)
}

// goTool runs the go command in a folder. Static programs run on a host whose file system is another one's.
func goTool(t *testing.T, in, workspace string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = in
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK="+workspace)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// page is the published report: the page as it is, with the part between the marks made anew.
func page(reports map[string]*conformance.Report, version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The reference plugins are %s. Braid was examined at %s, the others at 0.4.0 and 1.1.0.\n\n| | step |", version, strings.Join(conformance.Versions(), ", "))
	for _, s := range subjects() {
		fmt.Fprintf(&b, " %s |", s.name)
	}
	b.WriteString("\n|--|--|" + strings.Repeat("--|", len(subjects())) + "\n")
	for i, step := range reports[subjects()[0].name].Steps {
		fmt.Fprintf(&b, "| %d | %s |", step.Number, step.Name)
		for _, s := range subjects() {
			fmt.Fprintf(&b, " %s |", reports[s.name].Steps[i].Outcome())
		}
		b.WriteString("\n")
	}
	for _, s := range subjects() {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n```json\n%s\n```\n\n", s.name, strings.ToUpper(s.what[:1])+s.what[1:], s.config)
		b.WriteString(reasons(reports[s.name]))
	}
	return b.String()
}

func reasons(r *conformance.Report) string {
	var b strings.Builder
	for _, step := range r.Steps {
		if step.Outcome() != conformance.Fail {
			continue
		}
		fmt.Fprintf(&b, "- Step %d, %s (%s):\n", step.Number, step.Name, step.Clause)
		why := step.Reasons()
		slices.Sort(why)
		for _, reason := range why {
			fmt.Fprintf(&b, "  - %s\n", reason)
		}
	}
	if b.Len() == 0 {
		return "Fails no step.\n"
	}
	return b.String()
}

const mark = "<!-- What follows is written by go test ./conformance -update. -->\n"

// comparePublished compares what follows the mark with the file, or writes it.
func comparePublished(t *testing.T, want string) {
	t.Helper()
	text, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	head, have, found := strings.Cut(string(text), mark)
	switch {
	case !found:
		t.Fatalf("%s lacks the line %q", published, mark)
	case *update:
		if err := os.WriteFile(published, []byte(head+mark+"\n"+want), 0o644); err != nil {
			t.Fatal(err)
		}
	case strings.TrimPrefix(have, "\n") != want:
		t.Errorf("%s is stale: run go test ./conformance -run TestSubjects -update\nit lacks:%s\nand has:%s", published,
			missing(want, have), missing(have, want))
	}
}

// missing are the lines of one text that another one lacks.
func missing(of, in string) string {
	var b strings.Builder
	for line := range strings.Lines(of) {
		if !strings.Contains(in, line) {
			b.WriteString("\n\t" + strings.TrimSpace(line))
		}
	}
	return b.String()
}

// The report can be read by those who read JUnit.
func TestJUnit(t *testing.T) {
	r := conformance.Report{Subject: "x", Steps: []conformance.Step{
		{Number: 1, Name: "one", Clause: "c", Results: []conformance.Result{
			{Version: "1.0.0", Outcome: conformance.Pass},
			{Version: "1.1.0", Outcome: conformance.Fail, Reasons: []string{"a <b>", "c"}, Kernel: []string{"link eth0"}},
		}},
		{Number: 2, Name: "two", Results: []conformance.Result{{Version: "1.0.0", Outcome: conformance.NotApplicable, Reasons: []string{"since 1.1.0"}}}},
	}}
	var out bytes.Buffer
	if err := r.WriteJUnit(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	s := got.Suites[0]
	if s.Tests != 3 || s.Failures != 1 || s.Skipped != 1 || s.Cases[1].Failure == nil ||
		s.Cases[1].Failure.Message != "a <b>; c" || !strings.Contains(s.Cases[1].Failure.Text, "link eth0") {
		t.Errorf("%s", out.String())
	}
}
