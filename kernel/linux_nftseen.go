package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// seenSets is what our sets held in one generation of the namespace's rules, which grows with every transaction of anybody: as
// long as it is the same, the sets need not be read again.
type seenSets struct {
	generation uint32
	elements   []Element
	// absent are the sets that do not exist, by name.
	absent map[string]bool
}

// look returns what the sets hold now, for as long as the socket is not used by others.
func (s *nftSocket) look(conn *nftables.Conn) (*seenSets, error) {
	for range updateTries {
		generation, err := s.generation()
		if err != nil {
			return nil, err
		}
		if s.seen != nil && s.seen.generation == generation {
			return s.seen, nil
		}
		if s.seen, err = readSets(conn, generation); err != nil {
			return nil, err
		}
	}
	// Somebody else changes rules all the time; those of ours may be as good as any.
	return s.seen, nil
}

// generation asks for the number of the last transaction (NFT_MSG_GETGEN).
func (s *nftSocket) generation() (uint32, error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN, 0)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC})
	answers, err := s.gen.exchange(req)
	if err != nil {
		return 0, err
	}
	if errors.Is(answers[0].err, unix.EINVAL) { // nobody answers for nftables
		return 0, ErrNoNftables
	}
	if answers[0].err != nil {
		return 0, fmt.Errorf("ask for the generation of the rules: %w", answers[0].err)
	}
	attributes, err := nl.ParseRouteAttr(answers[0].data[min(nl.SizeofNfgenmsg, len(answers[0].data)):])
	if err != nil {
		return 0, fmt.Errorf("read the generation of the rules: %w", err)
	}
	for _, a := range attributes {
		if a.Attr.Type == unix.NFTA_GEN_ID && len(a.Value) == 4 {
			return binary.BigEndian.Uint32(a.Value), nil
		}
	}
	return 0, fmt.Errorf("read the generation of the rules: %w", unix.EBADMSG)
}

func readSets(conn *nftables.Conn, generation uint32) (*seenSets, error) {
	seen := &seenSets{generation: generation, absent: map[string]bool{}}
	for _, s := range nftSets() {
		found, err := s.read(conn)
		if errors.Is(err, unix.ENOENT) {
			seen.absent[s.name] = true
			continue
		}
		if err != nil {
			return nil, err
		}
		seen.elements = append(seen.elements, found...)
	}
	return seen, nil
}

// missing are the families whose sets are not all there for some elements.
func (s *seenSets) missing(elements []Element) (families []nftables.TableFamily) {
	for _, set := range nftSets() {
		if s.absent[set.name] && slices.ContainsFunc(elements, set.holds) && !slices.Contains(families, set.family) {
			families = append(families, set.family)
		}
	}
	return families
}

// changed notes a transaction of our own, unless somebody else's came in between.
func (s *nftSocket) changed(add, del []Element) {
	generation, err := s.generation()
	if err != nil || s.seen == nil || generation != s.seen.generation+1 {
		s.seen = nil
		return
	}
	left := slices.DeleteFunc(slices.Clone(s.seen.elements), func(e Element) bool {
		return slices.ContainsFunc(del, e.sameKey) || slices.ContainsFunc(add, e.sameKey)
	})
	s.seen = &seenSets{generation: generation, elements: append(left, add...), absent: s.seen.absent}
}
