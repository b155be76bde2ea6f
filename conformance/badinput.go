package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// The error codes of CNI spec 1.1, section 5, that bad input has.
const (
	codeVersion     = types.ErrIncompatibleCNIVersion
	codeEnvironment = types.ErrInvalidEnvironmentVariables
	codeDecode      = types.ErrDecodingFailure
	codeConfig      = types.ErrInvalidNetworkConfig
)

// A badIn is a call that no runtime may make.
type badIn struct {
	name, command string
	edit          edit
	// codes are those that say what is wrong; none leaves it to the plugin.
	codes []uint
	// versions are those at which the input is bad; none for all.
	versions []string
	// interfaces says that it is bad only for plugins that make an interface, ipam for those with that key.
	interfaces, ipam bool
}

func (b badIn) applies(n *network) bool {
	switch {
	case len(b.versions) > 0 && !slices.Contains(b.versions, n.version):
		return false
	case b.interfaces && n.ipam, b.ipam && ipamType(n.plugins[0]) == nil:
		return false
	}
	return true
}

// tenMegabytes are far more than any configuration has. A plugin may have a limit of its own, and say so.
const tenMegabytes = 10 << 20

func badInputs() []badIn {
	const long = "an-interface-name-that-is-too-long"
	return []badIn{
		{name: "stdin is empty", command: "ADD", edit: stdin(""), codes: []uint{codeDecode}},
		{name: "stdin is not JSON", command: "ADD", edit: stdin("{"), codes: []uint{codeDecode}},
		{name: "stdin is no JSON object", command: "ADD", edit: stdin("[]"), codes: []uint{codeDecode}},
		{name: "stdin is ten megabytes of nothing", command: "ADD", edit: stdin(strings.Repeat(" ", tenMegabytes)), codes: []uint{codeDecode, codeConfig}},
		{name: "ipam is a string", command: "ADD", edit: key("ipam", "x"), codes: []uint{codeDecode, codeConfig}, ipam: true},
		{name: "name is missing", command: "ADD", edit: withoutKey("name"), codes: []uint{codeConfig}},
		{name: "name is a path", command: "ADD", edit: key("name", "../up"), codes: []uint{codeConfig}},
		{name: "cniVersion is 9.9.9", command: "ADD", edit: key("cniVersion", "9.9.9"), codes: []uint{codeVersion}},
		{name: "CNI_COMMAND is missing", command: "ADD", edit: without("CNI_COMMAND"), codes: []uint{codeEnvironment}},
		{name: "CNI_COMMAND is EAT", command: "EAT", codes: []uint{codeEnvironment}},
		{name: "CNI_CONTAINERID is missing", command: "ADD", edit: without("CNI_CONTAINERID"), codes: []uint{codeEnvironment}},
		{name: "CNI_CONTAINERID is a path", command: "ADD", edit: env("CNI_CONTAINERID", "../up"), codes: []uint{codeEnvironment}},
		{name: "CNI_NETNS is missing", command: "ADD", edit: without("CNI_NETNS"), codes: []uint{codeEnvironment}},
		{name: "CNI_NETNS is no namespace", command: "ADD", edit: env("CNI_NETNS", "/etc/passwd"), interfaces: true},
		{name: "CNI_IFNAME is missing", command: "ADD", edit: without("CNI_IFNAME"), codes: []uint{codeEnvironment}},
		{name: "CNI_IFNAME is too long", command: "ADD", edit: env("CNI_IFNAME", long), codes: []uint{codeEnvironment}},
		{name: "CNI_IFNAME has a slash", command: "ADD", edit: env("CNI_IFNAME", "a/b"), codes: []uint{codeEnvironment}},
		{name: "CNI_CONTAINERID is missing at DEL", command: "DEL", edit: without("CNI_CONTAINERID"), codes: []uint{codeEnvironment}},
		{name: "CNI_IFNAME is missing at DEL", command: "DEL", edit: without("CNI_IFNAME"), codes: []uint{codeEnvironment}},
		{name: "CHECK is asked of 0.3.1", command: "CHECK", codes: []uint{codeVersion}, versions: []string{"0.3.1"}},
		{name: "STATUS is asked of less than 1.1", command: "STATUS", codes: []uint{codeVersion}, versions: []string{"0.3.1", "0.4.0", "1.0.0"}},
		{name: "GC is asked of less than 1.1", command: "GC", edit: key("cni.dev/valid-attachments", []any{}),
			codes: []uint{codeVersion}, versions: []string{"0.3.1", "0.4.0", "1.0.0"}},
	}
}

// badInput is step 15.
func badInput(t *trial) error {
	a, err := t.attachment()
	if err != nil {
		return err
	}
	before, err := t.host.with(a.box)
	if err != nil {
		return err
	}
	for _, bad := range badInputs() {
		if !bad.applies(t.network) {
			continue
		}
		inv := t.invocation(bad.command, t.network, 0, a)
		if bad.edit != nil {
			bad.edit(inv)
		}
		answer := t.exec(inv)
		t.refused(bad, inv, answer)
		after, err := t.host.with(a.box)
		if err != nil {
			return err
		}
		if came, went := before.changes(after); len(came)+len(went) > 0 {
			t.failf("%s: it changed %s", bad.name, kinds(append(came, went...)))
			t.del(a)
			if before, err = t.host.with(a.box); err != nil {
				return err
			}
		}
	}
	return t.checkWithoutResult(a)
}

// refused wants a CNI error of the right code in the version of the configuration.
func (t *trial) refused(bad badIn, inv *invocation, a answer) {
	e := a.problem()
	switch {
	case !a.failed():
		t.failf("%s: it succeeds", bad.name)
		return
	case a.broken != nil || e == nil:
		t.failf("%s: %s", bad.name, a.how())
		return
	case len(bad.codes) > 0 && !slices.Contains(bad.codes, e.Code):
		t.failf("%s: code %d, not %s", bad.name, e.Code, either(bad.codes))
	case e.Code == 0 || e.Msg == "":
		t.failf("%s: the error has no code or no msg", bad.name)
	}
	var named struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal([]byte(a.Stdout), &named); err != nil || named.CNIVersion == "" {
		t.failf("errors have no cniVersion")
		return
	}
	if inv.stdin == nil && inv.config["cniVersion"] == t.network.version && named.CNIVersion != t.network.version {
		t.failf("errors are not in the version of the configuration")
	}
}

// checkWithoutResult wants CHECK to say what is missing when there is nothing to compare with. A plugin that keeps the
// results itself may do without.
func (t *trial) checkWithoutResult(a *attachment) error {
	if t.network.ipam || t.network.version == "0.3.1" {
		return nil
	}
	if answer := t.add(a); answer.failed() {
		t.failf("ADD fails: %s", answer.how())
		return nil
	}
	inv := t.invocation("CHECK", t.network, 0, a).edited([]edit{withoutKey("prevResult")})
	if answer := t.exec(inv); answer.failed() {
		t.refused(badIn{name: "CHECK without prevResult", codes: []uint{codeConfig}}, inv, answer)
	}
	t.mustDel(a, "DEL")
	return nil
}

func either(codes []uint) string {
	var texts []string
	for _, c := range codes {
		texts = append(texts, fmt.Sprint(c))
	}
	return strings.Join(texts, " or ")
}
