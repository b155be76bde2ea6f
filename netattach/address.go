package netattach

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ips validates the list of requested addresses, each with or without prefix length (clause 14). It keeps them as
// they were written, since a plugin may insist on the prefix or on its absence (clause 15).
func (r report) ips(raws []json.RawMessage) []string {
	if len(raws) == 0 {
		r.add("is empty: list at least one address, or leave it out")
	}
	seen := map[string]bool{}
	return readEach(r, raws, func(r report, raw json.RawMessage) (string, bool) {
		var text string
		if err := decode(raw, &text); err != nil {
			r.add("%w", err)
			return "", false
		}
		addr, err := parseIP(text)
		if err != nil {
			r.add("%s is not an IPv4 or IPv6 address with or without prefix length: %w", quote(text), err)
			return "", false
		}
		if seen[addr.String()] {
			r.add("%s is listed twice: keep one", addr)
		}
		seen[addr.String()] = true
		return text, true
	})
}

// parseIP reads an address, with or without prefix length, that an interface can have.
func parseIP(text string) (netip.Addr, error) {
	bare := text
	if strings.Contains(text, "/") {
		if _, err := netip.ParsePrefix(text); err != nil {
			return netip.Addr{}, errors.New("it cannot be read")
		}
		bare, _, _ = strings.Cut(text, "/")
	}
	addr, err := netip.ParseAddr(bare)
	if err != nil {
		return netip.Addr{}, errors.New("it cannot be read")
	}
	return addr, checkUnicast(addr)
}

func checkUnicast(addr netip.Addr) error {
	switch {
	case addr.Zone() != "":
		return errors.New("leave out the zone")
	case addr.Is4In6():
		return fmt.Errorf("write it as %s", addr.Unmap())
	case addr.IsUnspecified(), addr.IsMulticast(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errors.New("no interface can have it")
	}
	return nil
}

// bareAddress is the address of a validated entry of ips in its one canonical form.
func bareAddress(ip string) string {
	addr, _ := parseIP(ip)
	return addr.String()
}

// gateways validates default-route (clause 31). The result is never nil: an empty list stands for the network's own
// gateways. More than one gateway of a family is refused: the kernel would balance between them, which nobody asked
// for, and clause 33 leaves an order to the implementation.
func (r report) gateways(raws []json.RawMessage) []net.IP {
	families := map[bool]bool{}
	return readEach(r, raws, func(r report, raw json.RawMessage) (net.IP, bool) {
		var text string
		if err := decode(raw, &text); err != nil {
			r.add("%w", err)
			return nil, false
		}
		addr, err := netip.ParseAddr(text)
		if err == nil {
			err = checkUnicast(addr)
		}
		if err != nil {
			r.add("%s is not the address of a gateway: write it like 10.0.0.1 or fe80::1, without prefix length", quote(text))
			return nil, false
		}
		if families[addr.Is4()] {
			r.add("%s is the second gateway of its family: name one IPv4 and one IPv6 gateway at most", addr)
			return nil, false
		}
		families[addr.Is4()] = true
		return net.IP(addr.AsSlice()), true
	})
}

// mac validates an Ethernet address of 6 bytes (clause 18) and returns it in the form 02:00:00:00:00:01.
func (r report) mac(text string) string {
	hw, err := net.ParseMAC(text)
	switch {
	case err != nil || len(hw) != 6:
		r.add("%s is not a MAC address of 6 bytes: write it like 02:00:00:00:00:01", quote(text))
	case hw[0]&1 != 0 || hw.String() == "00:00:00:00:00:00":
		r.add("%s is a group address or zero, which no interface can have: begin it with 02", quote(text))
	default:
		return hw.String()
	}
	return ""
}

// guid validates an InfiniBand GUID of 8 bytes (clause 34).
func (r report) guid(text string) string {
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != 8 {
		r.add("%s is not a GUID of 8 bytes: write it like c2:11:22:33:44:55:66:77", quote(text))
		return ""
	}
	return hw.String()
}

// device validates the name of a device, such as a PCI address. Plugins make a path below /sys of it.
func (r report) device(text string) string {
	bad := func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune("_.:-", c) }
	if text == "" || len(text) > 253 || text[0] == '.' || strings.Contains(text, "..") || strings.IndexFunc(text, bad) >= 0 {
		r.add("%s is not a device: write it like 0000:03:00.1 or mlx5_core.sf.2", quote(text))
		return ""
	}
	return text
}
