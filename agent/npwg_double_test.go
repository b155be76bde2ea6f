package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// doubleScript is a delegate that writes down what it is given and answers with what a proof put beside it:
//
//	bin/TYPE                  itself, one for each type
//	calls                     one line of JSON a call
//	TYPE.COMMAND[.IFNAME]     what it prints
//	TYPE.COMMAND[.IFNAME].fail  what it prints before it fails
//	TYPE.info                 what it writes to its device information file, below root/
//	slow                      makes calls last long enough to meet each other
const doubleScript = `#!/bin/sh
home=${0%/bin/*} type=${0##*/}
if [ "$CNI_COMMAND" = VERSION ]; then
	echo '{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}'
	exit
fi
alone=true
mkdir "$home/busy" 2>/dev/null || alone=false
stdin=$(cat)
printf '{"Type":"%s","Command":"%s","Container":"%s","Netns":"%s","IfName":"%s","Args":"%s","Alone":%s,"Config":%s}\n' \
	"$type" "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_NETNS" "$CNI_IFNAME" "$CNI_ARGS" "$alone" "$stdin" >>"$home/calls"
[ ! -e "$home/slow" ] || sleep 0.2
rmdir "$home/busy" 2>/dev/null

if [ "$CNI_COMMAND" = ADD ] && [ -e "$home/$type.info" ]; then
	file=${stdin#*\"CNIDeviceInfoFile\":\"}
	cp "$home/$type.info" "$home/root${file%%\"*}" || exit 1
fi
for answer in "$home/$type.$CNI_COMMAND.$CNI_IFNAME" "$home/$type.$CNI_COMMAND"; do
	if [ -e "$answer.fail" ]; then
		cat "$answer.fail"
		exit 1
	fi
	if [ -e "$answer" ]; then
		exec cat "$answer"
	fi
done
[ "$CNI_COMMAND" != ADD ] || echo '{"cniVersion":"1.1.0","interfaces":[{"name":"'"$CNI_IFNAME"'","sandbox":"'"$CNI_NETNS"'"}]}'
`

// doubleFails is what a double prints that fails.
const doubleFails = `{"cniVersion":"1.1.0","code":99,"msg":"the double refuses"}`

// A doubleCall is what a double was given. Alone says that no other double was at work.
type doubleCall struct {
	Type, Command, Container, Netns, IfName, Args string
	Alone                                         bool
	Config                                        map[string]any
}

// doubles makes delegate doubles of some types.
func (p *trial) doubles(t *testing.T, types ...string) {
	t.Helper()
	for _, typ := range types {
		path := filepath.Join(p.home, "bin", typ)
		put(t, path, doubleScript)
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// answer makes a double answer with a text: name is TYPE.COMMAND, TYPE.COMMAND.IFNAME, either with .fail, or TYPE.info.
func (p *trial) answer(t *testing.T, name, text string) {
	t.Helper()
	put(t, filepath.Join(p.home, name), text)
}

// relent takes an answer back.
func (p *trial) relent(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(p.home, name)); err != nil {
		t.Fatal(err)
	}
}

// calls are those of all doubles so far, in order.
func (p *trial) calls(t *testing.T) (all []doubleCall) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.home, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var c doubleCall
		numbers := json.NewDecoder(strings.NewReader(line))
		numbers.UseNumber()
		if err := numbers.Decode(&c); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, c)
	}
	return all
}

// given is what the double for that interface was given at ADD.
func (p *trial) given(t *testing.T, ifname string) doubleCall {
	t.Helper()
	all := p.calls(t)
	i := slices.IndexFunc(all, func(c doubleCall) bool { return c.Command == "ADD" && c.IfName == ifname })
	if i < 0 {
		t.Fatalf("no double was called for %s: %+v", ifname, all)
	}
	return all[i]
}

// wantConfig compares a part of the configuration that the double for that interface got at ADD with JSON; "" is for none.
func (p *trial) wantConfig(t *testing.T, ifname, key, want string) {
	t.Helper()
	wantPart(t, p.given(t, ifname), key, want)
}

func wantPart(t *testing.T, c doubleCall, key, want string) {
	t.Helper()
	got, found := "", false
	part := any(c.Config)
	for name := range strings.SplitSeq(key, ".") {
		object, _ := part.(map[string]any)
		part, found = object[name]
	}
	if found {
		data, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		got = string(data)
	}
	if got != want {
		t.Errorf("%s %s %s got %s = %s, want %s", c.Type, c.Command, c.IfName, key, got, want)
	}
}

// wantCalls compares the calls so far, each as "COMMAND TYPE IFNAME", and forgets them.
func (p *trial) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, c := range p.calls(t) {
		got = append(got, c.Command+" "+c.Type+" "+c.IfName)
	}
	if !slices.Equal(got, want) {
		t.Errorf("doubles were called %q, want %q", got, want)
	}
	if err := os.RemoveAll(filepath.Join(p.home, "calls")); err != nil {
		t.Fatal(err)
	}
}
