package kernel

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers of 4 bytes. A link's name fills the first four, addresses follow it.
const (
	regName   = unix.NFT_REG32_00
	regSource = unix.NFT_REG32_04
)

// Offsets in bytes of addresses in their headers.
const (
	ip4Source, ip4Dst = 12, 16
	ip6Source, ip6Dst = 8, 24
	etherSource       = 6
)

// setUp makes tables, chains, sets and rules in one transaction. What exists stays, rules are written anew. The
// rules read, for IPv4 and in the same way for IPv6:
//
//	table inet braid, chain postrouting: type nat hook postrouting priority srcnat
//	    ip daddr 224.0.0.0/4 return
//	    iifname . ip saddr . ip daddr @nomasq4 return
//	    iifname . ip saddr @masq4 masquerade fully-random
//	table bridge braid, chain prerouting: type filter hook prerouting priority -300
//	    iifname . ether saddr @allowedmacs return
//	    iifname @spoofchecked drop
//
// iifname in postrouting needs Linux 5.7, sets of ranges with several fields 5.6.
func setUp(conn *nftables.Conn) error {
	sets, err := addSets(conn)
	if err != nil {
		return err
	}
	accept := nftables.ChainPolicyAccept
	postrouting := conn.AddChain(&nftables.Chain{
		Table: sets["masq4"].Table, Name: "postrouting", Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource, Policy: &accept,
	})
	prerouting := conn.AddChain(&nftables.Chain{
		Table: sets["allowedmacs"].Table, Name: "prerouting", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw, Policy: &accept,
	})
	// The chains exist by now, if only in this transaction; emptied, a second run does not double the rules.
	conn.FlushChain(postrouting)
	conn.FlushChain(prerouting)
	for _, rule := range masqueradeRules(sets) {
		conn.AddRule(&nftables.Rule{Table: postrouting.Table, Chain: postrouting, Exprs: rule})
	}
	for _, rule := range spoofRules(sets) {
		conn.AddRule(&nftables.Rule{Table: prerouting.Table, Chain: prerouting, Exprs: rule})
	}
	return conn.Flush()
}

func addSets(conn *nftables.Conn) (map[string]*nftables.Set, error) {
	sets := make(map[string]*nftables.Set)
	tables := make(map[nftables.TableFamily]*nftables.Table)
	for _, s := range nftSets() {
		if tables[s.family] == nil {
			tables[s.family] = conn.AddTable(s.table())
		}
		set, err := s.set()
		if err != nil {
			return nil, err
		}
		if err := conn.AddSet(set, nil); err != nil {
			return nil, fmt.Errorf("add nft set %s: %w", s.name, err)
		}
		sets[s.name] = set
	}
	return sets, nil
}

func masqueradeRules(sets map[string]*nftables.Set) [][]expr.Any {
	return append(
		masqueradeFamily(unix.NFPROTO_IPV4, 4, ip4Source, ip4Dst, sets["nomasq4"], sets["masq4"]),
		masqueradeFamily(unix.NFPROTO_IPV6, 16, ip6Source, ip6Dst, sets["nomasq6"], sets["masq6"])...)
}

func masqueradeFamily(proto byte, length, source, dst uint32, none, masq *nftables.Set) [][]expr.Any {
	family := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: regName},
		&expr.Cmp{Op: expr.CmpOpEq, Register: regName, Data: []byte{proto}},
	}
	name := &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: regName}
	from := network(regSource, source, length)
	to := network(regSource+length/4, dst, length)
	mask, value := multicast(int(length))
	rule := func(parts ...expr.Any) []expr.Any { return append(family[:2:2], parts...) }
	return [][]expr.Any{
		rule(network(regName, dst, length),
			&expr.Bitwise{SourceRegister: regName, DestRegister: regName, Len: length, Mask: mask, Xor: make([]byte, length)},
			&expr.Cmp{Op: expr.CmpOpEq, Register: regName, Data: value},
			&expr.Verdict{Kind: expr.VerdictReturn}),
		rule(name, from, to, lookup(none), &expr.Verdict{Kind: expr.VerdictReturn}),
		rule(name, from, lookup(masq), &expr.Masq{FullyRandom: true}),
	}
}

func spoofRules(sets map[string]*nftables.Set) [][]expr.Any {
	name := &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: regName}
	from := &expr.Payload{
		Base: expr.PayloadBaseLLHeader, DestRegister: regSource, Offset: etherSource, Len: 6,
	}
	return [][]expr.Any{
		{name, from, lookup(sets["allowedmacs"]), &expr.Verdict{Kind: expr.VerdictReturn}},
		{name, lookup(sets["spoofchecked"]), &expr.Verdict{Kind: expr.VerdictDrop}},
	}
}

func network(register, offset, length uint32) *expr.Payload {
	return &expr.Payload{
		Base: expr.PayloadBaseNetworkHeader, DestRegister: register, Offset: offset, Len: length,
	}
}

func lookup(set *nftables.Set) *expr.Lookup {
	return &expr.Lookup{SourceRegister: regName, SetName: set.Name, SetID: set.ID}
}
