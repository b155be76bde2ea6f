package conformance_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/conformance"
)

// saboteur stands before a plugin that passes every step, and does one thing wrong.
const saboteur = `#!/bin/sh
real=%s
call() { "$real" <"$stdin"; }
stdin=$(mktemp "${0%%/*}/stdin.XXXXXX")
trap 'rm -f "$stdin"' EXIT
cat >"$stdin"
%s
call
`

// A sabotage makes one step fail.
type sabotage struct {
	step int
	name string
	// script runs before the plugin and may exit in its place: "call" calls it.
	script string
	// want is a part of a reason.
	want string
}

func sabotages() []sabotage {
	const add = `[ "$CNI_COMMAND" = ADD ] && { `
	const in = `nsenter --net="$CNI_NETNS" `
	return []sabotage{
		{1, "a version is not listed", `[ "$CNI_COMMAND" = VERSION ] && { call | sed 's/"1.1.0"\]/"9.9.9"]/'; exit; }`, "does not list 1.1.0"},
		{2, "STATUS fails", `[ "$CNI_COMMAND" = STATUS ] && { echo '{"code":50,"msg":"no"}'; exit 1; }`, "STATUS fails: code 50"},
		{2, "STATUS asks nobody", `[ "$CNI_COMMAND" = STATUS ] && exit 0`, "although that of the IPAM plugin fails"},
		{3, "another mac", add + `call | sed 's/"mac":"[^"]*"/"mac":"02:00:00:00:00:01"/g'; exit; }`, "mac"},
		{3, "another address", add + `call | sed 's/10\.77\.0\.[0-9]*\/24/10.77.0.250\/24/'; exit; }`, "an address of the result is not on its interface"},
		{3, "an address that is not told", add + `call; ` + in + `ip address add 10.99.0.1/24 dev eth0; exit; }`, "address that is not in the result"},
		{3, "a route that is not there", add + `call; ` + in + `ip route del default; exit; }`, "not in its table"},
		{3, "a route without its mtu", add + `call; ` + in + `ip route replace 198.51.100.0/24 via 10.77.0.1 metric 50; exit; }`, "mtu"},
		{3, "another version", add + `call | sed 's/"cniVersion":"1.1.0"/"cniVersion":"1.0.0"/'; exit; }`, "cniVersion is not"},
		{3, "no result", add + `call >/dev/null; exit; }`, "not JSON"},
		{3, "an index of no interface", add + `call | sed 's/"interface":2/"interface":7/'; exit; }`, "no index"},
		{4, "CHECK fails", `[ "$CNI_COMMAND" = CHECK ] && exit 1`, "CHECK fails"},
		{5, "a second ADD takes the interface", add + in + `ip link del eth0 2>/dev/null; }`, "a second ADD"},
		{6, "CHECK looks at nothing", `[ "$CNI_COMMAND" = CHECK ] && exit 0`, "although an address is gone"},
		{7, "the port is down", add + `call; ip link set br-conf down; exit; }`, "packets do not reach the gateway"},
		{8, "a link is left", add + `ip link add "l$$" type dummy 2>/dev/null || ip link add "l$$" type bridge; }`, "DEL left behind: 1 link"},
		{8, "a file is left", add + `touch "/var/lib/$CNI_CONTAINERID"; }`, "DEL left behind: 1 file"},
		{8, "a rule is left", add + `ip rule add from 10.99.0.0/16 table 99 priority "1$$"; }`, "DEL left behind: 1 rule"},
		{9, "DEL once", `[ "$CNI_COMMAND" = DEL ] && { mkdir "/run/$CNI_CONTAINERID" 2>/dev/null || exit 1; }`, "the second DEL fails"},
		{10, "DEL needs a namespace", `[ "$CNI_COMMAND" = DEL ] && [ -z "$CNI_NETNS" ] && exit 0`, "DEL without CNI_NETNS left behind"},
		{10, "DEL needs prevResult", `[ "$CNI_COMMAND" = DEL ] && { grep -q prevResult "$stdin" || exit 1; }`, "DEL without prevResult fails"},
		{10, "DEL needs the bridge", `[ "$CNI_COMMAND" = DEL ] && { ip link show br-conf >/dev/null || exit 1; }`, "DEL without the master fails"},
		{11, "a failed ADD leaves a link", add + `call; code=$?; [ $code = 0 ] || ` + in + `ip link add left type bridge; exit $code; }`, "left behind: 1 link"},
		{11, "the code is lost", add + `call | sed 's/"code":11/"code":999/'; exit 1; }`, "not the IPAM plugin's 11"},
		{12, "a killed ADD cannot be deleted", add + `touch "/run/busy-$CNI_CONTAINERID"; call; code=$?; rm "/run/busy-$CNI_CONTAINERID"; exit $code; }`, "left behind: 1 file"},
		{13, "GC does nothing", `[ "$CNI_COMMAND" = GC ] && exit 0`, "GC of one attachment left behind"},
		{13, "GC takes all", `[ "$CNI_COMMAND" = GC ] && { sed -i 's/"cni.dev\/valid-attachments":\[[^]]*\]/"cni.dev\/valid-attachments":[]/' "$stdin"; }`, "CHECK of a listed attachment fails"},
		{13, "GC of everybody's", `[ "$CNI_COMMAND" = GC ] && { call; code=$?; sed -i 's/"name":"net"/"name":"net-other"/' "$stdin"; call; exit $code; }`, "another network's"},
		{14, "one at a time", add + `mkdir /run/one 2>/dev/null || exit 1; call; code=$?; rmdir /run/one; exit $code; }`, "ADD in parallel fails"},
		{14, "one address for all", add + `call | sed 's/10\.77\.0\.[0-9]*\/24/10.77.0.9\/24/'; exit; }`, "two containers have the same address"},
		{15, "every error is 999", `call | sed 's/"code":[0-9]*/"code":999/'; exit 1`, "code 999, not 6"},
		{15, "errors without a version", `[ -s "$stdin" ] || { echo '{"code":6,"msg":"empty"}'; exit 1; }`, "errors have no cniVersion"},
		{15, "no stdin is well", `[ -s "$stdin" ] || exit 0`, "stdin is empty: it succeeds"},
		{15, "ten megabytes are well", `[ "$(wc -c <"$stdin")" -lt 10000000 ] || exit 0`, "stdin is ten megabytes of nothing: it succeeds"},
		{15, "ten megabytes are too much", `[ "$(wc -c <"$stdin")" -lt 10000000 ] || kill -9 $$`, "stdin is ten megabytes of nothing: killed by a signal"},
		{16, "prevResult is dropped", add + `sed -i 's/"prevResult":/"ignored":/' "$stdin"; }`, "prevResult are dropped"},
		{16, "unknown keys are dropped", `sed -i 's/"example.org\/unknown":{"kept":true},//' "$stdin"`, "example.org/unknown does not reach the IPAM plugin"},
		{16, "CHECK is kept from the delegate", `[ "$CNI_COMMAND" = CHECK ] && exit 0`, "CHECK is not passed on"},
		{17, "VERSION needs CNI_PATH", `[ -n "$CNI_PATH" ] || exit 1`, "VERSION fails"},
		{17, "VERSION in its own version", `[ "$CNI_COMMAND" = VERSION ] && { call | sed 's/"cniVersion":"[^"]*"/"cniVersion":"0.4.0"/'; exit; }`, "answers in version 0.4.0"},
	}
}

// Every step can fail: with a plugin that passes all of them, and does one thing wrong.
func TestStepsCanFail(t *testing.T) {
	needRoot(t)
	ours, reference := builtBraid(t), builtReference(t)
	tried := map[int]bool{}
	for _, s := range sabotages() {
		tried[s.step] = true
		t.Run(fmt.Sprintf("%02d %s", s.step, s.name), func(t *testing.T) {
			t.Parallel()
			report, err := conformance.Run(t.Context(), s.options(t, ours, reference))
			if err != nil {
				t.Fatal(err)
			}
			var reasons []string
			for _, result := range report.Steps[s.step-1].Results {
				reasons = append(reasons, result.Reasons...)
			}
			if got := strings.Join(reasons, "; "); report.Steps[s.step-1].Outcome() != conformance.Fail || !strings.Contains(got, s.want) {
				t.Errorf("%s: %q, want %q", report.Steps[s.step-1].Outcome(), got, s.want)
			}
		})
	}
	for step := 1; step <= 17; step++ {
		if !tried[step] {
			t.Errorf("nothing shows that step %d can fail", step)
		}
	}
}

// It is the sabotage that fails, not the script around it.
func TestSaboteurWithoutSabotage(t *testing.T) {
	needRoot(t)
	t.Parallel()
	o := sabotage{script: ":"}.options(t, builtBraid(t), builtReference(t))
	o.Steps = nil
	report, err := conformance.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if report.Failed() {
		var text bytes.Buffer
		_ = report.WriteText(&text, true)
		t.Error(text.String())
	}
}

// options are those of Braid's bridge behind a script.
func (s sabotage) options(t *testing.T, ours, reference string) conformance.Options {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf(saboteur, filepath.Join(ours, "braid-bridge"), s.script)
	if err := os.WriteFile(filepath.Join(dir, "sabotaged"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, subject := range subjects() {
		if subject.name == "braid-bridge" {
			o := subject.options(ours, reference)
			o.BinDirs = append([]string{dir}, o.BinDirs...)
			o.Config = []byte(strings.Replace(subject.config, `"braid-bridge"`, `"sabotaged"`, 1))
			o.Steps, o.Versions = []int{s.step}, []string{"1.1.0"}
			return o
		}
	}
	t.Fatal("no braid-bridge among the subjects")
	return conformance.Options{}
}
