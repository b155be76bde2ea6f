package conformance

import (
	"fmt"
	"time"
)

const (
	// slowFor is how long a slow IPAM plugin takes.
	slowFor = time.Second
	// refusal is the code of an IPAM plugin that fails: 11, try again later. A runtime must get to see it.
	refusal = 11
)

// ipamFails is step 11.
func ipamFails(t *trial) error {
	if len(t.network.delegating()) == 0 {
		return t.skip("delegates to no IPAM plugin")
	}
	if err := t.addFails(t.network.withIPAM("conformance-ipam-missing"), "with an IPAM plugin that is missing", 0); err != nil {
		return err
	}
	d, err := t.suite.double("conformance-ipam-failing", nil)
	if err != nil {
		return err
	}
	if err := d.refuse("ADD", refusal); err != nil {
		return err
	}
	if err := t.addFails(t.network.withIPAM(d.typ), "with an IPAM plugin that fails", refusal); err != nil {
		return err
	}
	return t.slowIPAM()
}

// addFails wants ADD to fail, with that code unless it is 0, and to leave nothing; DEL must then succeed, for a runtime
// owes it.
func (t *trial) addFails(n *network, when string, code uint) error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	a, err := t.attachment()
	if err != nil {
		return err
	}
	a.network = n
	answer := t.add(a)
	switch e := answer.problem(); {
	case !answer.failed():
		t.failf("ADD %s succeeds", when)
	case answer.broken != nil || e == nil:
		t.failf("ADD %s fails without a CNI error: %s", when, answer.how())
	case code != 0 && e.Code != code:
		t.failf("ADD %s gives code %d, not the IPAM plugin's %d", when, e.Code, code)
	}
	if err := t.restored(before, "ADD "+when, a.box); err != nil {
		return err
	}
	if code == 0 {
		// An IPAM plugin that is missing cannot be told DEL either: the runtime tries again once it is there.
		a.network = t.network
	}
	t.mustDel(a, "DEL after ADD "+when)
	return t.restored(before, "DEL after ADD "+when, a.box)
}

// slowIPAM leaves it to the plugin whether it waits.
func (t *trial) slowIPAM() error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	d, err := t.ipamDouble("conformance-ipam-slow")
	if d == nil {
		return err
	}
	release, err := d.hold()
	if err != nil {
		return err
	}
	timer := time.AfterFunc(slowFor, func() { _ = release() })
	defer timer.Stop()
	a, err := t.attachment()
	if err != nil {
		return err
	}
	a.network = t.network.withIPAM(d.typ)
	const when = "with a slow IPAM plugin"
	if answer := t.add(a); answer.failed() {
		if answer.problem() == nil {
			t.failf("ADD %s fails without a CNI error: %s", when, answer.how())
		}
		if err := t.restored(before, "ADD "+when, a.box); err != nil {
			return err
		}
	}
	t.mustDel(a, "DEL after ADD "+when)
	return t.restored(before, "DEL after ADD "+when, a.box)
}

// killed is step 12: once while the IPAM plugin has the word, then at parts of the time that an ADD takes.
func killed(t *trial) error {
	if len(t.network.delegating()) > 0 {
		if err := t.killedInIPAM(); err != nil {
			return err
		}
	}
	begun := time.Now()
	a, err := t.attached()
	if a == nil {
		return err
	}
	took := time.Since(begun)
	t.mustDel(a, "DEL")
	for _, part := range []time.Duration{1, 2, 3, 4, 5} {
		if err := t.killedAfter(took * part / 6); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) killedInIPAM() error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	d, err := t.ipamDouble("conformance-ipam-held")
	if d == nil {
		return err
	}
	release, err := d.hold()
	if err != nil {
		return err
	}
	a, err := t.attachment()
	if err != nil {
		return err
	}
	a.network = t.network.withIPAM(d.typ)
	p, err := t.host.start(t.ctx, t.invocation("ADD", a.network, 0, a))
	if err != nil {
		return err
	}
	called, err := d.await("ADD", t.suite.Timeout)
	_ = p.kill()
	t.wait(p)
	if err := release(); err != nil {
		return fmt.Errorf("release the IPAM plugin: %w", err)
	}
	if err != nil || !called {
		t.failf("ADD does not call the IPAM plugin")
		return err
	}
	return t.aftermath(before, a, "in its IPAM plugin")
}

func (t *trial) killedAfter(delay time.Duration) error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	a, err := t.attachment()
	if err != nil {
		return err
	}
	p, err := t.host.start(t.ctx, t.invocation("ADD", a.network, 0, a))
	if err != nil {
		return err
	}
	time.Sleep(delay)
	_ = p.kill()
	t.wait(p)
	return t.aftermath(before, a, "midway")
}

// aftermath is what a runtime does with a container whose ADD broke off: DEL, and ADD again.
func (t *trial) aftermath(before state, a *attachment, where string) error {
	t.mustDel(a, "DEL after ADD was killed "+where)
	if err := t.restored(before, "DEL after ADD was killed "+where, a.box); err != nil {
		return err
	}
	if answer := t.add(a); answer.failed() {
		t.failf("another ADD after one was killed %s fails: %s", where, answer.how())
	}
	t.mustDel(a, "DEL")
	return t.restored(before, "DEL", a.box)
}
