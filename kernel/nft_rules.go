package kernel

import (
	"errors"
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

// A nftChain is the one base chain of one of our tables.
type nftChain struct {
	family   nftables.TableFamily
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	rules    func(map[string]*nftables.Set) [][]expr.Any
}

func nftChains() []nftChain {
	return []nftChain{
		{
			nftables.TableFamilyINet, "postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting,
			nftables.ChainPriorityNATSource, masqueradeRules,
		}, {
			nftables.TableFamilyBridge, "prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting,
			nftables.ChainPriorityRaw, spoofRules,
		},
	}
}

// setUp makes the table, chain, sets and rules of one family in one transaction. What exists stays, rules are
// written anew. The rules read, for IPv4 and in the same way for IPv6:
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
func setUp(conn *nftables.Conn, family nftables.TableFamily) error {
	accept := nftables.ChainPolicyAccept
	for _, c := range nftChains() {
		if c.family != family {
			continue
		}
		table := conn.AddTable(&nftables.Table{Name: NftTable, Family: family})
		sets, err := addSets(conn, family)
		if err != nil {
			return err
		}
		chain := conn.AddChain(&nftables.Chain{
			Table: table, Name: c.name, Type: c.kind, Hooknum: c.hook, Priority: c.priority, Policy: &accept,
		})
		// The chain exists by now, if only in this transaction; emptied, a second run does not double the rules.
		conn.FlushChain(chain)
		for _, rule := range c.rules(sets) {
			conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: rule})
		}
	}
	err := conn.Flush()
	if errors.Is(err, unix.EOPNOTSUPP) {
		// The library adds an ENOENT for each message after the one that was refused.
		return fmt.Errorf("set up nft table %q of family %d: %w", NftTable, family, ErrNoNftables)
	}
	return err
}

func addSets(conn *nftables.Conn, family nftables.TableFamily) (map[string]*nftables.Set, error) {
	sets := make(map[string]*nftables.Set)
	for _, s := range nftSets() {
		if s.family != family {
			continue
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
