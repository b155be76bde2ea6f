package kernel

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The marks by which Braid knows what is its own.
const (
	// RouteProtocol is the protocol number of our routes, neighbours and rules.
	RouteProtocol = 98
	// RulePriorityFirst and RulePriorityLast bound the priorities of our routing rules.
	RulePriorityFirst = 9800
	RulePriorityLast  = 9899
	// TableFirst is the first routing table of isolated networks.
	TableFirst = 9800
	// NftTable is the name of our table in each nftables family.
	NftTable = "braid"
	// LinkPrefix starts the names of pods' host-side links.
	LinkPrefix = "braid"
	// BridgePrefix starts the names of bridges that a network did not name itself.
	BridgePrefix = "brb-"
	// TunnelPrefix starts the names of tunnels that a network did not name itself.
	TunnelPrefix = "brx-"
	// temporaryPrefix starts the names of bridges that are being made.
	temporaryPrefix = "brt-"
	// BridgeAlias is the alias of a bridge that Braid made. It is the mark: names are the user's.
	BridgeAlias = "made by braid"
)

// maxAlias is the kernel's limit of an ifalias in bytes, IFALIASZ without the final zero.
const maxAlias = 255

// LinkName names the host-side link of an attachment: LinkPrefix and 10 hex digits.
func LinkName(containerID, ifname string) string {
	return LinkPrefix + digest(containerID+"\x00"+ifname, 10)
}

// IsLinkName tells whether a name has the form that LinkName gives.
func IsLinkName(name string) bool {
	rest, ok := strings.CutPrefix(name, LinkPrefix)
	return ok && len(rest) == 10 && strings.Trim(rest, "0123456789abcdef") == ""
}

// BridgeName names the bridge of a network that did not name one itself.
func BridgeName(network string) string { return BridgePrefix + digest(network, 10) }

// TunnelName names the tunnel of a network that did not name one itself.
func TunnelName(network string) string { return TunnelPrefix + digest(network, 10) }

// TemporaryName names a bridge until it has its mark, so that one found without it is none of ours.
func TemporaryName(bridge string) string { return temporaryPrefix + digest(bridge, 10) }

// NetworkID is a network's name in marks of fixed length: 16 hex digits.
func NetworkID(network string) string { return digest(network, 16) }

// NetworkAltName is the alternative name of a host-side link that says which network it is of. Unlike the alias
// it is never cut, and it goes with the link.
func NetworkAltName(link, network string) string { return link + "." + NetworkID(network) }

// Alias makes a text for people fit to stand on a link: without control characters, and cut to 255 bytes between two
// characters.
func Alias(text string) string { return cut(printable(text), maxAlias) }

// RandomMAC returns a locally administered unicast address.
func RandomMAC() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	// crypto/rand.Read does not fail since Go 1.24.
	_, _ = rand.Read(mac)
	mac[0] = mac[0]&^1 | 2
	return mac
}

func digest(s string, digits int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:digits]
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
