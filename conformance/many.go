package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	current "github.com/containernetworking/cni/pkg/types/100"
)

// containers is how many come and go at the same time.
const containers = 20

// parallel is step 14.
func parallel(t *trial) error {
	before, err := t.host.state()
	if err != nil {
		return err
	}
	var all []*attachment
	for range containers {
		a, err := t.attachment()
		if err != nil {
			return err
		}
		all = append(all, a)
	}
	each(all, func(a *attachment) {
		if answer := t.add(a); answer.failed() {
			t.failf("one of %d ADD in parallel fails: %s", containers, answer.how())
		}
	})
	if err := t.distinct(all); err != nil {
		return err
	}
	each(all, func(a *attachment) { t.mustDel(a, fmt.Sprintf("one of %d DEL in parallel", containers)) })
	var boxes []*sandbox
	for _, a := range all {
		boxes = append(boxes, a.box)
	}
	return t.restored(before, "DEL in parallel", boxes...)
}

func each(all []*attachment, f func(*attachment)) {
	var running sync.WaitGroup
	for _, a := range all {
		running.Go(func() { f(a) })
	}
	running.Wait()
}

// distinct wants each container to have what it was answered, and no address twice but those that the configuration
// itself writes down.
func (t *trial) distinct(all []*attachment) error {
	config, err := json.Marshal(t.network.plugins)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range all {
		if a.result == nil {
			continue
		}
		result := t.parse(a)
		if result == nil {
			continue
		}
		for _, ip := range result.IPs {
			t.compareShared(a, result, ip)
			address := ip.Address.IP.String()
			if seen[address] && !strings.Contains(string(config), `"`+address+"/") {
				t.failf("two containers have the same address")
			}
			seen[address] = true
		}
	}
	return nil
}

func (t *trial) compareShared(a *attachment, result *current.Result, ip *current.IPConfig) {
	if !t.network.ipam {
		t.compareAddress(a, result, ip)
	}
}

// collect is step 13: two networks of one configuration, of which one is collected.
func collect(t *trial) error {
	// What the other network makes once and keeps comes first; the host is not as before for that.
	t.spoiled = true
	other, err := t.otherNetwork()
	if other == nil {
		return err
	}
	t.mustDel(other, "DEL")
	before, err := t.host.state()
	if err != nil {
		return err
	}
	kept, err := t.attached()
	if kept == nil {
		return err
	}
	if other, err = t.otherNetwork(); other == nil {
		return err
	}
	alone, err := t.host.with(kept.box)
	if err != nil {
		return err
	}
	stale, err := t.attached()
	if stale == nil {
		return err
	}
	if err := t.refusesWithoutList(kept); err != nil {
		return err
	}
	if err := t.collectStale(alone, kept, stale); err != nil {
		return err
	}
	if err := t.collectAll(kept, other); err != nil {
		return err
	}
	t.mustDel(other, "DEL")
	if err := t.host.removeSandbox(other.box); err != nil {
		return err
	}
	return t.restored(before, "GC with an empty list")
}

// otherNetwork is an attachment to a network of another name.
func (t *trial) otherNetwork() (*attachment, error) {
	a, err := t.attachment()
	if err != nil {
		return nil, err
	}
	a.network = t.network.named(t.network.name + "-other")
	if answer := t.add(a); answer.failed() {
		t.failf("ADD to a second network of the same configuration fails: %s", answer.how())
		return nil, nil
	}
	return a, nil
}

// refusesWithoutList calls GC as a runtime that has no list does, which must not be taken for an empty one.
func (t *trial) refusesWithoutList(kept *attachment) error {
	before, err := t.host.with(kept.box)
	if err != nil {
		return err
	}
	if answer := t.whole("GC", t.network); !answer.failed() {
		t.failf("GC without cni.dev/valid-attachments succeeds")
	}
	return t.restored(before, "GC without a list", kept.box)
}

// collectStale lists one of two attachments, after the other one's sandbox is gone, as a runtime does. alone is the state
// without that.
func (t *trial) collectStale(alone state, kept, stale *attachment) error {
	if err := t.host.removeSandbox(stale.box); err != nil {
		return err
	}
	if answer := t.gc(t.network, kept); answer.failed() {
		t.failf("GC fails: %s", answer.how())
	}
	if answer := t.check(kept); answer.failed() {
		t.failf("CHECK of a listed attachment fails after GC: %s", answer.how())
	}
	return t.restored(alone, "GC of one attachment", kept.box)
}

// collectAll says that the network has no attachment any more. The other network keeps its own.
func (t *trial) collectAll(kept, other *attachment) error {
	theirs, err := other.box.namespace.state()
	if err != nil {
		return err
	}
	if err := t.host.removeSandbox(kept.box); err != nil {
		return err
	}
	if answer := t.gc(t.network); answer.failed() {
		t.failf("GC with an empty list fails: %s", answer.how())
	}
	if answer := t.check(other); answer.failed() {
		t.failf("CHECK of another network's attachment fails after GC: %s", answer.how())
	}
	now, err := other.box.namespace.state()
	if err != nil {
		return err
	}
	if _, gone := theirs.changes(now); len(gone) > 0 {
		t.failf("GC took from another network's attachment: %s", kinds(gone))
	}
	return nil
}
