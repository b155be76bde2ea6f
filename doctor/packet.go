package doctor

import (
	"bytes"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A packet is a new connection's first one. What is not known of it, an empty name or the zero address, decides no rule.
type packet struct {
	v6       bool
	in, out  string
	src, dst netip.Addr
}

// A blocker is the chain in which a packet ends.
type blocker struct {
	table *table
	chain string
	// policy says that no rule decided, but what the chain does without one.
	policy bool
}

// blocked follows a packet through the tables, and returns nil when it passes. A rule that asks for what the packet does
// not tell is passed over: it may let some connections through, but not all.
func blocked(f Firewall, tables []*table, p packet) (*blocker, error) {
	for _, t := range tables {
		if t.family == nftables.TableFamilyIPv4 && p.v6 || t.family == nftables.TableFamilyIPv6 && !p.v6 {
			continue
		}
		for _, base := range t.hooks() {
			w := walk{rules: f.Rules, table: t, packet: p}
			switch w.chain(base) {
			case expr.VerdictDrop:
				return &blocker{table: t, chain: base.Name}, w.err
			case expr.VerdictContinue:
				if base.Policy != nil && *base.Policy == nftables.ChainPolicyDrop {
					return &blocker{table: t, chain: base.Name, policy: true}, w.err
				}
			}
			if w.err != nil {
				return nil, w.err
			}
		}
	}
	return nil, nil
}

// maxDepth is the kernel's limit of jumps.
const maxDepth = 16

// A walk is the way of one packet through one table.
type walk struct {
	rules  func(*nftables.Chain) ([]*nftables.Rule, error)
	table  *table
	packet packet
	depth  int
	err    error
}

// chain returns VerdictAccept, VerdictDrop, or VerdictContinue when no rule decided.
func (w *walk) chain(c *nftables.Chain) expr.VerdictKind {
	if c == nil || w.depth > maxDepth {
		return expr.VerdictContinue
	}
	rules, err := w.rules(c)
	if err != nil {
		w.err = err
		return expr.VerdictContinue
	}
	w.depth++
	defer func() { w.depth-- }()
	for _, rule := range rules {
		verdict, to := w.packet.through(rule.Exprs)
		switch verdict {
		case expr.VerdictAccept, expr.VerdictDrop:
			return verdict
		case expr.VerdictReturn:
			return expr.VerdictContinue
		case expr.VerdictGoto:
			return w.chain(w.table.chains[to])
		case expr.VerdictJump:
			if verdict := w.chain(w.table.chains[to]); verdict != expr.VerdictContinue {
				return verdict
			}
		}
	}
	return expr.VerdictContinue
}

// through is what one rule does with the packet: VerdictContinue when it does not match, or nobody knows whether it does.
func (p packet) through(exprs []expr.Any) (verdict expr.VerdictKind, chain string) {
	registers := map[uint32][]byte{}
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Meta:
			registers[e.Register] = p.meta(e)
		case *expr.Payload:
			registers[e.DestRegister] = p.payload(e)
		case *expr.Bitwise:
			registers[e.DestRegister] = masked(registers[e.SourceRegister], e)
		case *expr.Cmp:
			if !equal(registers[e.Register], e) {
				return expr.VerdictContinue, ""
			}
		case *expr.Counter, *expr.Log:
		case *expr.Match:
			if e.Name != "comment" {
				return expr.VerdictContinue, ""
			}
		case *expr.Target:
			if e.Name == "REJECT" {
				return expr.VerdictDrop, ""
			}
		case *expr.Reject:
			return expr.VerdictDrop, ""
		case *expr.Verdict:
			return e.Kind, e.Chain
		default:
			return expr.VerdictContinue, ""
		}
	}
	return expr.VerdictContinue, ""
}

// meta is nil for what is not known, as are payload and masked.
func (p packet) meta(e *expr.Meta) []byte {
	switch {
	case e.SourceRegister:
	case e.Key == expr.MetaKeyIIFNAME:
		return linkName(p.in)
	case e.Key == expr.MetaKeyOIFNAME:
		return linkName(p.out)
	case e.Key == expr.MetaKeyNFPROTO && p.v6:
		return []byte{unix.NFPROTO_IPV6}
	case e.Key == expr.MetaKeyNFPROTO:
		return []byte{unix.NFPROTO_IPV4}
	}
	return nil
}

func linkName(name string) []byte {
	if name == "" {
		return nil
	}
	return append([]byte(name), make([]byte, unix.IFNAMSIZ-len(name))...)
}

// payload knows the addresses, which stand in the IP header from these offsets on.
func (p packet) payload(e *expr.Payload) []byte {
	srcAt, dstAt := uint32(12), uint32(16)
	if p.v6 {
		srcAt, dstAt = 8, 24
	}
	if e.OperationType != expr.PayloadLoad || e.Base != expr.PayloadBaseNetworkHeader {
		return nil
	}
	for _, field := range []struct {
		at   uint32
		addr netip.Addr
	}{{srcAt, p.src}, {dstAt, p.dst}} {
		raw := field.addr.AsSlice()
		if from := e.Offset - field.at; e.Offset >= field.at && e.Offset+e.Len <= field.at+uint32(len(raw)) {
			return raw[from : from+e.Len]
		}
	}
	return nil
}

func masked(value []byte, e *expr.Bitwise) []byte {
	if len(value) < len(e.Mask) || len(e.Mask) != len(e.Xor) {
		return nil
	}
	result := make([]byte, len(e.Mask))
	for i := range result {
		result[i] = value[i]&e.Mask[i] ^ e.Xor[i]
	}
	return result
}

// equal says whether a comparison is known to hold. Names of links with a wildcard are compared as far as they go.
func equal(value []byte, e *expr.Cmp) bool {
	if len(value) < len(e.Data) {
		return false
	}
	same := bytes.Equal(value[:len(e.Data)], e.Data)
	return e.Op == expr.CmpOpEq && same || e.Op == expr.CmpOpNeq && !same
}
