package conformance

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/vishvananda/netlink"
)

// A damage is something broken behind the plugin's back. apply returns false when there is nothing of the kind.
type damage struct {
	name  string
	apply func(t *trial, a *attachment, r *current.Result) (bool, error)
	// interfaces says that the damage is to what an IPAM plugin does not make.
	interfaces bool
}

// damages are those of step 6, the one that spoils the host last.
func damages() []damage {
	return []damage{
		{"the interface is gone", removeLink, true},
		{"the interface is down", setDown, true},
		{"an address is gone", removeAddress, true},
		{"a route is gone", removeRoute, true},
		{"the host's end is no port of the bridge any more", detachPort, true},
		{"the lease is gone", removeLease, false},
		{"the firewall rules are gone", flushRules, true},
	}
}

// damaged is step 6.
func damaged(t *trial) error {
	tried := 0
	for _, d := range damages() {
		if d.interfaces && t.network.ipam {
			continue
		}
		did, err := t.damage(d)
		if err != nil {
			return err
		}
		if did {
			tried++
		}
	}
	if tried == 0 && len(t.reasons) == 0 {
		return t.skip("nothing was found to break")
	}
	return nil
}

func (t *trial) damage(d damage) (did bool, err error) {
	a, err := t.attached()
	if a == nil {
		return false, err
	}
	defer t.mustDel(a, "DEL when "+d.name)
	if answer := t.check(a); answer.failed() {
		t.failf("CHECK fails before anything is broken: %s", answer.how())
		return true, nil
	}
	raw, err := create.Create(t.network.version, a.result)
	if err != nil {
		return false, nil // said by step 3
	}
	result, err := current.NewResultFromResult(raw)
	if err != nil {
		return false, nil
	}
	if did, err = d.apply(t, a, result); err != nil {
		return did, fmt.Errorf("see what CHECK says when %s: %w", d.name, err)
	}
	if did {
		if answer := t.check(a); !answer.failed() {
			t.failf("CHECK succeeds although %s", d.name)
		}
	}
	return did, nil
}

func removeLink(_ *trial, a *attachment, _ *current.Result) (bool, error) {
	link, err := a.box.LinkByName(a.ifname)
	if err != nil {
		return false, nil
	}
	return true, a.box.LinkDel(link)
}

func setDown(_ *trial, a *attachment, _ *current.Result) (bool, error) {
	link, err := a.box.LinkByName(a.ifname)
	if err != nil || link.Attrs().Flags&net.FlagUp == 0 {
		return false, nil
	}
	return true, a.box.LinkSetDown(link)
}

func removeAddress(_ *trial, a *attachment, r *current.Result) (bool, error) {
	link, err := a.box.LinkByName(a.ifname)
	if err != nil || len(r.IPs) == 0 {
		return false, nil
	}
	last := r.IPs[len(r.IPs)-1]
	// Should the kernel take routes away with the address, that is what happens on a node too.
	return true, a.box.AddrDel(link, &netlink.Addr{IPNet: &last.Address})
}

// removeRoute removes one that the result lists and the kernel has.
func removeRoute(_ *trial, a *attachment, r *current.Result) (bool, error) {
	for _, want := range r.Routes {
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			routes, err := a.box.routes(family, syscall.RT_TABLE_UNSPEC)
			if err != nil {
				return false, err
			}
			for _, have := range routes {
				if destination(have) == want.Dst.String() && have.Protocol != syscall.RTPROT_KERNEL {
					return true, a.box.RouteDel(&have)
				}
			}
		}
	}
	return false, nil
}

func detachPort(t *trial, _ *attachment, r *current.Result) (bool, error) {
	for _, i := range r.Interfaces {
		link, err := t.host.LinkByName(i.Name)
		if i.Sandbox != "" || err != nil || link.Attrs().MasterIndex == 0 {
			continue
		}
		return true, t.host.LinkSetNoMaster(link)
	}
	return false, nil
}

// removeLease removes the files that have an address of the result in their name.
func removeLease(t *trial, _ *attachment, r *current.Result) (did bool, err error) {
	files, err := t.host.files()
	if err != nil {
		return false, err
	}
	for _, line := range files {
		path := strings.TrimPrefix(line, "file ")
		for _, ip := range r.IPs {
			if strings.Contains(filepath.Base(path), ip.Address.IP.String()) {
				did = true
				if err := t.host.thread.do(func() error { return os.Remove(path) }); err != nil {
					return did, err
				}
			}
		}
	}
	return did, nil
}

// flushRules removes all rules if some are this attachment's, which other attachments' plugins would not survive.
func flushRules(t *trial, a *attachment, _ *current.Result) (bool, error) {
	with, err := t.host.firewall()
	if err != nil || t.suite.nft == "" {
		return false, err
	}
	if answer := t.del(a); answer.failed() {
		return false, nil
	}
	without, err := t.host.firewall()
	if err != nil || len(state(with).without(without)) == 0 {
		return false, err
	}
	if answer := t.add(a); answer.failed() {
		return false, nil
	}
	t.spoiled = true
	_, err = t.host.output(t.ctx, t.suite.nft, "flush", "ruleset")
	return true, err
}
