package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
)

// A nftSet ties a kind of element, in one address family, to a set of ours and to the set's keys.
type nftSet struct {
	kind   ElementKind
	name   string
	family nftables.TableFamily
	// length is that of the addresses in the key in bytes, 0 if it has none.
	length int
	fields []nftables.SetDatatype
}

const ifnameSize = 16

// nftSets is the whole of our sets. A link's name in a key is padded with zeros to 16 bytes as the kernel loads
// it, and fields are padded to 4 bytes, which concerns only MACs.
func nftSets() []nftSet {
	ifname, ip4, ip6, mac := nftables.TypeIFName, nftables.TypeIPAddr, nftables.TypeIP6Addr, nftables.TypeEtherAddr
	inet, bridge := nftables.TableFamilyINet, nftables.TableFamilyBridge
	return []nftSet{
		{NoMasquerade, "nomasq4", inet, 4, []nftables.SetDatatype{ifname, ip4, ip4}},
		{NoMasquerade, "nomasq6", inet, 16, []nftables.SetDatatype{ifname, ip6, ip6}},
		{Masquerade, "masq4", inet, 4, []nftables.SetDatatype{ifname, ip4}},
		{Masquerade, "masq6", inet, 16, []nftables.SetDatatype{ifname, ip6}},
		{SpoofChecked, "spoofchecked", bridge, 0, []nftables.SetDatatype{ifname}},
		{AllowedMAC, "allowedmacs", bridge, 0, []nftables.SetDatatype{ifname, mac}},
	}
}

func (s nftSet) table() *nftables.Table {
	return &nftables.Table{Name: NftTable, Family: s.family}
}

// set is the set as the kernel is told of it. Only the set with subnets in its key is an interval set. The byte
// order is nothing to the kernel; without it nft(8) shows a name alone in a key as empty.
func (s nftSet) set() (*nftables.Set, error) {
	key, err := nftables.ConcatSetType(s.fields...)
	if err != nil {
		return nil, fmt.Errorf("describe nft set %s: %w", s.name, err)
	}
	set := &nftables.Set{
		Table: s.table(), Name: s.name, KeyType: key,
		Concatenation: len(s.fields) > 1, Interval: s.kind == NoMasquerade,
	}
	if !set.Concatenation {
		set.KeyByteOrder = binaryutil.NativeEndian
	}
	return set, nil
}

// holds tells whether an element goes into this set.
func (s nftSet) holds(e Element) bool {
	return s.kind == e.Kind && (s.length == 0 || s.length*8 == e.Source.BitLen())
}

func (s nftSet) encode(e Element) nftables.SetElement {
	key := make([]byte, ifnameSize, ifnameSize+2*16)
	copy(key, e.Link)
	element := nftables.SetElement{Comment: e.Owner.comment()}
	switch e.Kind {
	case Masquerade:
		key = append(key, e.Source.AsSlice()...)
	case NoMasquerade:
		key = append(key, e.Source.AsSlice()...)
		element.KeyEnd = append(key[:len(key):len(key)], lastOf(e.Dst)...)
		key = append(key, e.Dst.Masked().Addr().AsSlice()...)
	case AllowedMAC:
		key = append(append(key, e.MAC[:]...), 0, 0)
	}
	element.Key = key
	return element
}

func (s nftSet) decode(raw nftables.SetElement) (Element, error) {
	e := Element{Kind: s.kind, Owner: parseOwner(raw.Comment)}
	want := ifnameSize + map[ElementKind]int{Masquerade: s.length, NoMasquerade: 2 * s.length, AllowedMAC: 8}[s.kind]
	if len(raw.Key) != want {
		return e, fmt.Errorf("read nft set %s: key of %d bytes, want %d", s.name, len(raw.Key), want)
	}
	e.Link = cString(raw.Key[:ifnameSize])
	rest := raw.Key[ifnameSize:]
	switch s.kind {
	case Masquerade:
		e.Source, _ = netip.AddrFromSlice(rest)
	case NoMasquerade:
		e.Source, _ = netip.AddrFromSlice(rest[:s.length])
		if len(raw.KeyEnd) != want {
			return e, fmt.Errorf("read nft set %s: end of range of %d bytes, want %d", s.name, len(raw.KeyEnd), want)
		}
		e.Dst = subnet(rest[s.length:], raw.KeyEnd[ifnameSize+s.length:])
	case AllowedMAC:
		e.MAC = [6]byte(rest[:6])
	}
	return e, nil
}

// lastOf returns the last address of a subnet, in network byte order.
func lastOf(p netip.Prefix) []byte {
	last := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return last
}

// subnet is the inverse of lastOf: the prefix is as long as first and last agree.
func subnet(first, last []byte) netip.Prefix {
	bits := 0
	for bits < len(first)*8 && (first[bits/8]^last[bits/8])&(0x80>>(bits%8)) == 0 {
		bits++
	}
	addr, _ := netip.AddrFromSlice(first)
	return netip.PrefixFrom(addr, bits)
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// multicast returns mask and value of the multicast range of a family, as the rule compares them.
func multicast(length int) (mask, value []byte) {
	mask, value = make([]byte, length), make([]byte, length)
	if length == 4 {
		binary.BigEndian.PutUint32(mask, 0xf0000000)
		binary.BigEndian.PutUint32(value, 0xe0000000)
		return mask, value
	}
	mask[0], value[0] = 0xff, 0xff
	return mask, value
}
