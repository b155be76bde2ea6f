// Package kernel is Braid's seam to Linux: network namespaces and, in each, links, addresses, routes,
// neighbours, sysctls and nftables elements. New gives the real kernel, NewFake an in-memory one that the same
// test bodies run on. Needs Linux 5.14.
//
// The package marks and recognises what is Braid's own (see names.go); whatever carries no mark is left alone.
package kernel

import (
	"errors"
	"net"
	"net/netip"
)

var (
	// ErrNoNetns is returned for a path that is absent or is not a network namespace.
	ErrNoNetns = errors.New("no network namespace")
	// ErrHostNetns is returned for a path that names the host's own network namespace.
	ErrHostNetns = errors.New("is the host's network namespace")
	// ErrNoLink is returned when no link has the name.
	ErrNoLink = errors.New("no such link")
	// ErrNoVLANFiltering is returned by a kernel without CONFIG_BRIDGE_VLAN_FILTERING.
	ErrNoVLANFiltering = errors.New("kernel lacks bridge vlan filtering (CONFIG_BRIDGE_VLAN_FILTERING)")
	// ErrNoNftables is returned by a kernel without nftables in a family that is needed.
	ErrNoNftables = errors.New("kernel lacks nftables (CONFIG_NF_TABLES_INET, CONFIG_NF_TABLES_BRIDGE, CONFIG_NFT_MASQ)")
)

// A Kernel opens network namespaces. It may be used by many goroutines.
type Kernel interface {
	// Host opens the host's network namespace. The caller closes it.
	Host() (Netns, error)
	// Open opens the network namespace at a path as the runtime wrote it. The error wraps ErrNoNetns when there
	// is none, and ErrHostNetns when it is the host's own. The caller closes it.
	Open(path string) (Netns, error)
}

// A Netns is one open network namespace. It may be used by many goroutines until it is closed. Calls block for
// as long as the kernel takes, which for the deletion of links is about 20 ms a call.
//
// An error wraps the kernel's errno: fs.ErrExist finds EEXIST, fs.ErrPermission finds EPERM.
type Netns interface {
	Links
	Bridges
	Addresses
	Routes
	Neighbours
	Sysctls
	Nft
	Close() error
}

// Links makes, changes and deletes the links of a namespace.
type Links interface {
	// Link returns the link of that name, or an error that wraps ErrNoLink.
	Link(name string) (Link, error)
	// Links returns all links. An interrupted dump is repeated.
	Links() ([]Link, error)
	// AddVeth makes a pair with its marks, in one call, or nothing, and returns the first end: as Link would, but that Alias,
	// AltNames and Master may be missing. It fails with EEXIST when either name is taken.
	AddVeth(v Veth) (Link, error)
	// SetLink changes a link. The error wraps ErrNoLink when there is none of that name.
	SetLink(name string, c LinkChange) error
	// DelLink deletes a link, with the other end of a veth. That it is gone already is success.
	DelLink(name string) error
	// SetGroup puts links into a group, many in a call, and returns those that exist; when it fails, those too that may not
	// have come into it.
	SetGroup(group uint32, names []string) (found []string, err error)
	// Strangers returns the names of those links of a group that are not known by their names, which are all that is looked at of
	// the known ones.
	Strangers(group uint32, known func(name string) bool) ([]string, error)
	// DelGroup deletes all links of a group in one call. An empty group is success, group 0 is refused.
	DelGroup(group uint32) error
}

// Bridges makes bridges and sets their ports.
type Bridges interface {
	// AddBridge fails with EEXIST when the name is taken.
	AddBridge(b Bridge) error
	// Ports returns the links that are ports of the bridge with that index. The kernel looks at all links for it, and tells of
	// those only.
	Ports(bridge int) ([]Link, error)
	// Port reads a bridge port's flags and VLANs.
	Port(name string) (Port, error)
	// SetPort sets a bridge port's flags, and its VLANs unless they are nil.
	SetPort(name string, p Port) error
}

// Addresses are those of links, which are named by index.
type Addresses interface {
	Addresses(link int) ([]Address, error)
	// AddAddress fails with EEXIST when the link has the address.
	AddAddress(link int, a Address) error
	// SetUp gives a link addresses and sets it up, in that order and in one call. With announce the link's IPv4 addresses are
	// told to its neighbours then, and whenever it goes up again (arp_notify in ip-sysctl). It fails as AddAddress does, and
	// then leaves what it came to.
	SetUp(link int, announce bool, addresses ...Address) error
	// DelAddress succeeds when the link does not have the address.
	DelAddress(link int, p netip.Prefix) error
}

// Routes are the unicast routes of a namespace.
type Routes interface {
	// Routes returns the routes of one table; 0 is the main table.
	Routes(table int) ([]Route, error)
	// AddRoute adds a route beside others to the same destination. It fails with EEXIST when that very route is
	// there.
	AddRoute(r Route) error
	// DelRoute succeeds when there is no such route.
	DelRoute(r Route) error
}

// Neighbours are permanent neighbour entries.
type Neighbours interface {
	Neighbours(link int) ([]Neighbour, error)
	// SetNeighbour adds or replaces an entry.
	SetNeighbour(n Neighbour) error
	// DelNeighbour succeeds when there is no such entry.
	DelNeighbour(n Neighbour) error
}

// Sysctls reads and writes /proc/sys as the namespace sees it. Names are paths below /proc/sys with slashes,
// because link names may hold dots.
type Sysctls interface {
	Sysctl(name string) (string, error)
	// SetSysctls writes in order and stops at the first error.
	SetSysctls(settings ...Setting) error
}

// Nft is Braid's part of nftables: elements in the sets of its own tables.
type Nft interface {
	// Elements returns the elements of every set of ours; none on a kernel without nftables.
	Elements() ([]Element, error)
	// UpdateElements adds and deletes elements in one transaction, and makes tables, sets, chains and rules first
	// if they are missing. An element that exists gets the new owner. It fails with ENOENT, and changes nothing,
	// when an element to be deleted does not exist.
	UpdateElements(add, del []Element) error
}

// A Link is one network interface.
type Link struct {
	Index int
	Name  string
	// Kind is the kernel's name of the link's type, such as "veth" or "bridge"; empty for hardware and loopback.
	Kind     string
	MTU      int
	MAC      net.HardwareAddr
	Alias    string
	AltNames []string
	// Master is the index of the bridge that the link is a port of, or 0.
	Master int
	// Peer is the index of a veth's other end, in the namespace that end is in.
	Peer  int
	Group uint32
	// Up is the administrative state, Running whether packets can pass (RFC 2863 operational state "up").
	Up      bool
	Running bool
	// Promisc is true while anything keeps the link in promiscuous mode.
	Promisc bool
	// VLANFiltering is that of a bridge.
	VLANFiltering bool
}

// A Veth describes a pair to be made: the end in the namespace whose method is called, and its peer. MACs are
// required for both ends: udev changes random ones after the fact.
type Veth struct {
	Name    string
	MAC     net.HardwareAddr
	Peer    string
	PeerMAC net.HardwareAddr
	// PeerNetns is where the peer is made; nil is the same namespace. It must come from the same Kernel.
	PeerNetns Netns
	// MTU in bytes of both ends; 0 is the kernel's 1500.
	MTU int
	// Queues is the number of receive and transmit queues of both ends; 0 is the kernel's choice.
	Queues int
	Group  uint32
	// Master is the index of a bridge the near end becomes a port of, or 0.
	Master int
	// Up sets the near end up. The far end must be set up from its own namespace.
	Up bool
	// Alias and AltName are the near end's, of at most 255 and 127 bytes; empty for none.
	Alias, AltName string
}

// A Bridge describes a bridge to be made, down. With a MAC given it keeps that MAC whatever ports come and go.
type Bridge struct {
	Name string
	MAC  net.HardwareAddr
	// MTU in bytes; 0 is the kernel's 1500.
	MTU           int
	VLANFiltering bool
}

// A LinkChange says what to change of a link; zero values change nothing.
type LinkChange struct {
	Name string
	Up   bool
	Down bool
	MTU  int
	MAC  net.HardwareAddr
	// Alias is at most 255 bytes.
	Alias string
	// AltName is added to the link's alternative names; that it has it already is success. Needs Linux 5.5.
	AltName string
	Group   uint32
	// Master is the index of the bridge to join.
	Master int
	// Promisc turns promiscuous mode on.
	Promisc bool
	// VLANFiltering turns the filtering of a bridge on.
	VLANFiltering bool
}

// A Port holds what a bridge knows of one port.
type Port struct {
	Hairpin  bool
	Isolated bool
	VLANs    []VLAN
}

// A VLAN is one that a bridge port is a member of.
type VLAN struct {
	// ID is 1 to 4094.
	ID uint16
	// PVID is set on the VLAN of frames that come in untagged.
	PVID     bool
	Untagged bool
}

// An Address is one address of a link with the length of its subnet.
type Address struct {
	Prefix netip.Prefix
	// NoDAD leaves out IPv6 duplicate address detection.
	NoDAD bool
	// Tentative and Duplicate are states of that detection, when read.
	Tentative bool
	Duplicate bool
}

// A Route is one next hop to one destination.
type Route struct {
	Dst     netip.Prefix
	Gateway netip.Addr
	// Link is the index of the outgoing link.
	Link int
	// Table 0 is the main table.
	Table int
	// Priority is the metric. 0 means 1024 for IPv6.
	Priority int
	// Scope as in rtnetlink(7): 0 universe, 253 link, 254 host. IPv6 has none.
	Scope int
	// Protocol 0 is read as 98, Braid's own.
	Protocol int
	// MTU in bytes and AdvMSS in bytes; 0 is from the link.
	MTU    int
	AdvMSS int
	OnLink bool
}

// A Neighbour maps an address to a MAC for good.
type Neighbour struct {
	Link int
	Addr netip.Addr
	MAC  net.HardwareAddr
}

// A Setting is a sysctl to be written.
type Setting struct {
	// Name is a path below /proc/sys, such as "net/ipv4/ip_forward".
	Name  string
	Value string
	// Optional makes it no error that the kernel does not have the sysctl, as without IPv6.
	Optional bool
}
