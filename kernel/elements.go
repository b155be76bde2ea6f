package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// An ElementKind says which set an element is in, and so which of its fields count.
type ElementKind int

// The kinds of elements.
const (
	// NoMasquerade leaves packets from Link and Source to Dst alone.
	NoMasquerade ElementKind = iota + 1
	// Masquerade hides packets from Link and Source behind the host's address, with a random port.
	Masquerade
	// SpoofChecked drops packets that enter by the bridge port Link with a MAC that no AllowedMAC names.
	SpoofChecked
	// AllowedMAC lets packets with MAC enter by the bridge port Link.
	AllowedMAC
)

// An Element is one entry of our nftables sets. Link is a link's name, so addresses need be unique on a link only.
type Element struct {
	Kind   ElementKind
	Link   string
	Source netip.Addr
	Dst    netip.Prefix
	MAC    [6]byte
	Owner  Owner
}

// An Owner is the attachment that an element belongs to. It is kept with the element in the kernel.
type Owner struct {
	// Link is the attachment's host-side link, see LinkName.
	Link string
	// Network is the attachment's network, see NetworkID.
	Network string
}

// NewOwner names the owner of an attachment's elements.
func NewOwner(containerID, ifname, network string) Owner {
	return Owner{Link: LinkName(containerID, ifname), Network: NetworkID(network)}
}

// MasqueradeElements are those that hide an attachment's addresses from all but their own subnets. Multicast is
// never masqueraded. The gateway link is the one by which the attachment's packets enter the host.
func MasqueradeElements(owner Owner, gateway string, addresses []netip.Prefix) []Element {
	elements := make([]Element, 0, 2*len(addresses))
	for _, a := range addresses {
		source := Element{Link: gateway, Source: a.Addr(), Owner: owner}
		masq, none := source, source
		masq.Kind, none.Kind, none.Dst = Masquerade, NoMasquerade, a.Masked()
		elements = append(elements, none, masq)
	}
	return elements
}

// SpoofCheckElements are those that let only one MAC enter by a bridge port.
func SpoofCheckElements(owner Owner, port string, mac net.HardwareAddr) []Element {
	return []Element{
		{Kind: AllowedMAC, Link: port, MAC: [6]byte(mac), Owner: owner},
		{Kind: SpoofChecked, Link: port, Owner: owner},
	}
}

// removeTries bounds how often a removal starts again because others removed the same elements.
const removeTries = 5

// RemoveElements deletes the elements whose owner matches. That there are none is success.
func RemoveElements(n Nft, match func(Owner) bool) error {
	var err error
	for range removeTries {
		var all, del []Element
		if all, err = n.Elements(); err != nil {
			return err
		}
		for _, e := range all {
			if match(e.Owner) {
				del = append(del, e)
			}
		}
		if len(del) == 0 {
			return nil
		}
		if err = n.UpdateElements(nil, del); !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return fmt.Errorf("remove elements %d times, each time others did meanwhile: %w", removeTries, err)
}

// comment is how an owner is written in the kernel: link and network, separated by a space.
func (o Owner) comment() string { return o.Link + " " + o.Network }

func parseOwner(comment string) Owner {
	link, network, _ := strings.Cut(comment, " ")
	return Owner{Link: link, Network: network}
}

// conflicts tells whether e stands in the way of adding other: they decide about the same packets.
func (e Element) conflicts(other Element) bool {
	if e.Kind != other.Kind || e.Link != other.Link {
		return false
	}
	if e.Kind == NoMasquerade {
		return e.Source == other.Source && e.Dst.Overlaps(other.Dst)
	}
	e.Owner, other.Owner = Owner{}, Owner{}
	return e == other
}

// String is the element for messages, in the order of the set's key.
func (e Element) String() string {
	switch e.Kind {
	case NoMasquerade:
		return fmt.Sprintf("nomasquerade %s . %s . %s", e.Link, e.Source, e.Dst)
	case Masquerade:
		return fmt.Sprintf("masquerade %s . %s", e.Link, e.Source)
	case AllowedMAC:
		return fmt.Sprintf("allowedmac %s . %s", e.Link, net.HardwareAddr(e.MAC[:]))
	default:
		return "spoofchecked " + e.Link
	}
}
