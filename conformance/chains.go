package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// chains is step 16: what came from the plugins before, what goes to the IPAM plugin, and, for a plugin that is a
// runtime to others, what goes to those.
func chains(t *trial) error {
	if err := t.afterAnother(); err != nil {
		return err
	}
	if len(t.network.delegating()) > 0 {
		if err := t.delegates(); err != nil {
			return err
		}
		if err := t.delegateUndone(); err != nil {
			return err
		}
	}
	if len(t.network.lists()) == 0 {
		return nil
	}
	if err := t.innerChain(); err != nil {
		return err
	}
	return t.innerChainUndone()
}

// afterAnother puts a plugin before the first one, whose result must be passed on.
func (t *trial) afterAnother() error {
	const interfaces = `"interfaces":[{"name":"earlier0"}],"dns":{"nameservers":["198.51.100.53"]}`
	d, err := t.suite.double("conformance-earlier", map[string]string{
		"ADD.0": `{"cniVersion":"VERSION","ips":[{"version":"4","address":"198.51.100.9/32","interface":0}],` + interfaces + `}`,
		"ADD.1": `{"cniVersion":"VERSION","ips":[{"address":"198.51.100.9/32","interface":0}],` + interfaces + `}`,
	})
	if err != nil {
		return err
	}
	a, err := t.attachment()
	if err != nil {
		return err
	}
	a.network = t.network.clone()
	a.network.plugins = slices.Insert(a.network.plugins, 0, object{"type": d.typ})
	if answer := t.add(a); answer.failed() {
		// A plugin may say that its configuration is not one for a chain.
		if e := answer.problem(); e == nil || e.Code != codeConfig {
			t.failf("ADD after another plugin fails: %s", answer.how())
		}
	} else if result := t.parse(a); result != nil {
		text, err := json.Marshal(result)
		if err != nil {
			return err
		}
		for part, sign := range map[string]string{"interfaces": `"earlier0"`, "ips": "198.51.100.9/32", "dns": "198.51.100.53"} {
			if !strings.Contains(string(text), sign) {
				t.failf("the %s of prevResult are dropped", part)
			}
		}
	}
	t.mustDel(a, "DEL in a chain")
	return nil
}

// delegates looks at what the IPAM plugin gets.
func (t *trial) delegates() error {
	d, err := t.ipamDouble("conformance-ipam-listening")
	if d == nil {
		return err
	}
	a, err := t.attachment()
	if err != nil {
		return err
	}
	extra := object{"example.org/unknown": object{"kept": true}, "args": object{"example.org": []any{"kept"}}}
	a.network = t.network.withIPAM(d.typ, func(o object) {
		for key, value := range extra {
			o[key] = value
		}
		o["ipam"].(object)["unknown"] = "kept"
	})
	if answer := t.add(a); answer.failed() {
		t.failf("ADD with a key that nobody knows fails: %s", answer.how())
	} else if t.network.version != "0.3.1" {
		if answer := t.check(a); answer.failed() {
			t.failf("CHECK with another IPAM plugin fails: %s", answer.how())
		}
	}
	t.mustDel(a, "DEL with another IPAM plugin")
	notes, err := d.called()
	if err != nil {
		return err
	}
	t.show("calls of the IPAM plugin", strings.Split(commands(notes), ", "))
	t.delegated(a, notes, extra)
	return nil
}

// delegated judges the calls of the IPAM plugin.
func (t *trial) delegated(a *attachment, notes []note, extra object) {
	want := []string{"ADD", "CHECK", "DEL"}
	if t.network.version == "0.3.1" {
		want = []string{"ADD", "DEL"}
	}
	for _, command := range want {
		if !slices.ContainsFunc(notes, func(n note) bool { return n.command == command }) {
			t.failf("%s is not passed on to the IPAM plugin", command)
		}
	}
	for _, n := range notes {
		for name, value := range map[string]string{"CNI_CONTAINERID": a.id, "CNI_NETNS": a.box.path, "CNI_IFNAME": a.ifname, "CNI_ARGS": t.suite.Args} {
			if n.env[name] != value {
				t.failf("%s of the IPAM plugin is not the plugin's at %s", name, n.command)
			}
		}
		ipam, _ := n.config["ipam"].(object)
		if ipam["unknown"] != "kept" {
			t.failf("a key of ipam does not reach the IPAM plugin at %s", n.command)
		}
		for key, value := range extra {
			if !same(n.config[key], value) {
				t.failf("%s does not reach the IPAM plugin at %s", key, n.command)
			}
		}
		if n.config["name"] == nil || n.config["cniVersion"] == nil {
			t.failf("name or cniVersion do not reach the IPAM plugin at %s", n.command)
		}
	}
}

// delegateUndone lets the IPAM plugin give no address at all, at which a plugin that needs one must tell it DEL.
func (t *trial) delegateUndone() error {
	d, err := t.suite.double("conformance-ipam-empty", map[string]string{
		"ADD.0": `{"cniVersion":"VERSION","ips":[]}`, "ADD.1": `{"cniVersion":"VERSION","ips":[]}`,
	})
	if err != nil {
		return err
	}
	a, err := t.attachment()
	if err != nil {
		return err
	}
	a.network = t.network.withIPAM(d.typ)
	failed := t.add(a).failed()
	notes, err := d.called()
	if err != nil {
		return err
	}
	if failed && !slices.ContainsFunc(notes, func(n note) bool { return n.command == "DEL" }) {
		t.failf("ADD fails after that of the IPAM plugin, and does not tell it DEL")
	}
	t.mustDel(a, "DEL")
	return nil
}

// between is the network with a double before and one after the plugins of the lists inside it.
func (t *trial) between(first, last *double) *network {
	n := t.network.clone()
	n.capabilities = map[string]any{"offered": "yes", "unasked": "no"}
	for _, p := range n.plugins {
		p["capabilities"] = object{"offered": true, "unasked": true}
	}
	for _, list := range n.lists() {
		plugins := list["plugins"].([]any)
		plugins = slices.Insert(plugins, 0, any(object{"type": first.typ, "capabilities": object{"offered": true}, "kept": true}))
		list["plugins"] = append(plugins, object{"type": last.typ})
	}
	return n
}

// innerChain looks at what a plugin that is a runtime itself gives to a list of plugins.
func (t *trial) innerChain() error {
	first, last, a, err := t.inner()
	if err != nil {
		return err
	}
	if answer := t.add(a); answer.failed() {
		t.failf("ADD of a longer list fails: %s", answer.how())
	}
	t.mustDel(a, "DEL of a longer list")
	notes, err := first.called()
	if err != nil {
		return err
	}
	order := commands(notes)
	t.show("calls of the list's plugins", strings.Split(order, ", "))
	if want := fmt.Sprintf("%s ADD, %s ADD, %s DEL, %s DEL", first.typ, last.typ, last.typ, first.typ); order != want {
		t.failf("the list's plugins are not called in order at ADD and in reverse at DEL")
		return nil
	}
	t.innerRequests(notes[0].config, notes[1].config, notes[2].config)
	return nil
}

// inner installs the doubles of a longer list.
func (t *trial) inner() (first, last *double, a *attachment, err error) {
	if first, err = t.suite.double("conformance-first", map[string]string{
		"ADD.0": `{"cniVersion":"VERSION","dns":{"nameservers":["198.51.100.53"]}}`,
		"ADD.1": `{"cniVersion":"VERSION","dns":{"nameservers":["198.51.100.53"]}}`,
	}); err != nil {
		return nil, nil, nil, err
	}
	if last, err = t.suite.double("conformance-last", nil); err != nil {
		return nil, nil, nil, err
	}
	if a, err = t.attachment(); err != nil {
		return nil, nil, nil, err
	}
	a.network = t.between(first, last)
	return first, last, a, nil
}

func (t *trial) innerRequests(first, last, del object) {
	if first["kept"] != true {
		t.failf("a key that nobody knows does not reach the list's plugins")
	}
	for _, config := range []object{first, last, del} {
		if config["capabilities"] != nil {
			t.failf("capabilities reach the list's plugins")
		}
	}
	if !same(first["runtimeConfig"], object{"offered": "yes"}) {
		t.failf("runtimeConfig is not what the list's plugin declared and the runtime offered")
	}
	if last["runtimeConfig"] != nil {
		t.failf("a plugin of the list that declared no capability gets runtimeConfig")
	}
	if first["prevResult"] != nil {
		t.failf("the first plugin of the list gets a prevResult")
	}
	if last["prevResult"] == nil {
		t.failf("the last plugin of the list gets no prevResult")
	}
	if !same(last["prevResult"], del["prevResult"]) {
		t.failf("prevResult at DEL is not the final result of ADD")
	}
}

// innerChainUndone lets the last plugin of a list fail at ADD.
func (t *trial) innerChainUndone() error {
	first, last, a, err := t.inner()
	if err != nil {
		return err
	}
	if err := last.refuse("ADD", refusal); err != nil {
		return err
	}
	before, err := t.host.with(a.box)
	if err != nil {
		return err
	}
	if answer := t.add(a); !answer.failed() {
		t.failf("ADD succeeds although a plugin of the list fails")
	}
	notes, err := first.called()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(notes, func(n note) bool { return n.typ == first.typ && n.command == "DEL" }) {
		t.failf("ADD fails after plugins of the list, and does not tell them DEL")
	}
	if err := t.restored(before, "ADD with a plugin of the list that fails", a.box); err != nil {
		return err
	}
	t.mustDel(a, "DEL")
	return nil
}
