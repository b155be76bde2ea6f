package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
)

// versionInfo is the answer to VERSION.
type versionInfo struct {
	CNIVersion        string   `json:"cniVersion"`
	SupportedVersions []string `json:"supportedVersions"`
}

// ask calls VERSION of the i-th plugin. The answer is nil when the step has failed.
func (t *trial) ask(i int, edits ...edit) *versionInfo {
	inv := t.invocation("VERSION", t.network, i, nil)
	inv.config = object{"cniVersion": t.network.version}
	a := t.exec(inv.edited(edits))
	if a.failed() {
		t.failf("VERSION fails: %s", a.how())
		return nil
	}
	info := new(versionInfo)
	if err := json.Unmarshal([]byte(a.Stdout), info); err != nil {
		t.failf("VERSION does not answer JSON")
		return nil
	}
	return info
}

// versions is step 1.
func versions(t *trial) error {
	for i, typ := range t.network.types() {
		if info := t.ask(i); info != nil && !slices.Contains(info.SupportedVersions, t.network.version) {
			t.failf("%s does not list %s", typ, t.network.version)
		}
	}
	return nil
}

// versionAlone is step 17.
func versionAlone(t *trial) error {
	for i, typ := range t.network.types() {
		info := t.ask(i, without("CNI_PATH"))
		if info != nil && info.CNIVersion != t.network.version {
			t.failf("%s answers in version %s, not in the one that it was asked in", typ, info.CNIVersion)
		}
	}
	return nil
}

// status is step 2.
func status(t *trial) error {
	if a := t.whole("STATUS", t.network); a.failed() {
		t.failf("STATUS fails: %s", a.how())
	}
	if len(t.network.delegating()) > 0 {
		if err := t.statusOfIPAM(); err != nil {
			return err
		}
	}
	if !t.network.ipam {
		return nil
	}
	return t.statusWhenFull()
}

// statusOfIPAM asks a plugin whose IPAM plugin says that it cannot serve.
func (t *trial) statusOfIPAM() error {
	d, err := t.suite.double("conformance-ipam-unready", nil)
	if err != nil {
		return err
	}
	if err := d.refuse("STATUS", 50); err != nil {
		return err
	}
	if a := t.whole("STATUS", t.network.withIPAM(d.typ)); !a.failed() {
		t.failf("STATUS succeeds although that of the IPAM plugin fails")
	}
	return nil
}

// pool is how many addresses are taken at most to see what STATUS says then.
const pool = 32

// statusWhenFull asks an IPAM plugin that has no address left. One that has more than a few is not asked.
func (t *trial) statusWhenFull() error {
	for range pool {
		a, err := t.attachment()
		if err != nil {
			return err
		}
		full := t.add(a).failed()
		if full {
			if answer := t.whole("STATUS", t.network); !answer.failed() {
				t.failf("STATUS succeeds although ADD fails: no address is left")
			}
		}
		defer t.mustDel(a, "DEL")
		if full {
			return nil
		}
	}
	return nil
}

// checkAfterAdd is step 4.
func checkAfterAdd(t *trial) error {
	a, err := t.attached()
	if a == nil {
		return err
	}
	if answer := t.check(a); answer.failed() {
		t.failf("CHECK fails: %s", answer.how())
	}
	t.mustDel(a, "DEL")
	return nil
}

// secondAdd is step 5: once for the same container, once for another one that has the same sandbox.
func secondAdd(t *trial) error {
	a, err := t.attached()
	if a == nil {
		return err
	}
	ids := []string{a.id}
	if !t.network.ipam {
		ids = append(ids, a.id+"-other")
	}
	for i, id := range ids {
		before, err := t.host.with(a.box)
		if err != nil {
			return err
		}
		again := *a
		again.id = id
		who := []string{"the same container", "another container"}[i]
		if answer := t.add(&again); !answer.failed() {
			t.failf("a second ADD of the interface for %s succeeds", who)
		}
		if err := t.restored(before, fmt.Sprintf("a second ADD for %s", who), a.box); err != nil {
			return err
		}
	}
	t.mustDel(a, "DEL")
	return nil
}

// delLeavesNothing is step 8.
func delLeavesNothing(t *trial) error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	a, err := t.attached()
	if a == nil {
		return err
	}
	t.mustDel(a, "DEL")
	return t.restored(before, "DEL", a.box)
}

// delAgain is step 9.
func delAgain(t *trial) error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	a, err := t.attached()
	if a == nil {
		return err
	}
	other, err := t.attachment()
	if err != nil {
		return err
	}
	t.mustDel(a, "DEL")
	t.mustDel(a, "the second DEL")
	t.mustDel(other, "DEL without ADD")
	return t.restored(before, "DEL", a.box, other.box)
}

// delWithout is step 10.
func delWithout(t *trial) error {
	for _, lack := range []struct {
		name    string
		prepare func(*attachment) error
		edits   []edit
	}{
		{"prevResult", nil, []edit{withoutKey("prevResult")}},
		{"CNI_NETNS", nil, []edit{without("CNI_NETNS")}},
		{"a value of CNI_NETNS", nil, []edit{env("CNI_NETNS", "")}},
		{"the sandbox", func(a *attachment) error { return t.host.removeSandbox(a.box) }, nil},
		{"the sandbox but with its file", func(a *attachment) error { return t.host.emptySandbox(a.box) }, nil},
		{"sandbox and prevResult", func(a *attachment) error { return t.host.removeSandbox(a.box) }, []edit{withoutKey("prevResult")}},
	} {
		if err := t.delLacking(lack.name, lack.prepare, lack.edits); err != nil {
			return err
		}
	}
	if t.network.ipam {
		return nil
	}
	return t.delWithoutMaster()
}

func (t *trial) delLacking(name string, prepare func(*attachment) error, edits []edit) error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	a, err := t.attached()
	if a == nil {
		return err
	}
	if prepare != nil {
		if err := prepare(a); err != nil {
			return err
		}
	}
	t.mustDel(a, "DEL without "+name, edits...)
	if err := t.host.removeSandbox(a.box); err != nil {
		return err
	}
	return t.restored(before, "DEL without "+name)
}

// delWithoutMaster removes the links that the configuration hangs pods on, and spoils the host by that.
func (t *trial) delWithoutMaster() error {
	a, err := t.attached()
	if a == nil {
		return err
	}
	t.spoiled = true
	for _, name := range t.network.masters() {
		link, err := t.host.LinkByName(name)
		if err != nil {
			continue
		}
		if err := t.host.LinkDel(link); err != nil {
			return fmt.Errorf("remove the master: %w", err)
		}
	}
	t.mustDel(a, "DEL without the master")
	after, err := a.box.namespace.state()
	if err != nil {
		return err
	}
	if left, _ := (state{}).changes(withoutRules(after)); len(left) > 0 {
		t.failf("DEL without the master left in the sandbox: %s", kinds(left))
	}
	return nil
}
