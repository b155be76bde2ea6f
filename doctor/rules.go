package doctor

import (
	"fmt"
	"slices"

	"github.com/google/nftables"

	"github.com/braid-cni/braid/kernel"
)

// A Firewall reads the nftables rules of the host, those that iptables-nft made among them. Rules of iptables-legacy are
// not seen.
type Firewall interface {
	// Chains lists the chains of all tables.
	Chains() ([]*nftables.Chain, error)
	// Rules lists the rules of one chain in their order.
	Rules(*nftables.Chain) ([]*nftables.Rule, error)
}

// NewFirewall reads the rules of the network namespace at a path, or of the process's own if it is empty. It needs
// CAP_NET_ADMIN.
func NewFirewall(netns string) Firewall { return netlinkRules{netns} }

type netlinkRules struct{ netns string }

func (n netlinkRules) Chains() ([]*nftables.Chain, error) {
	return withRules(n.netns, func(c *nftables.Conn) ([]*nftables.Chain, error) { return c.ListChains() })
}

func (n netlinkRules) Rules(chain *nftables.Chain) ([]*nftables.Rule, error) {
	return withRules(n.netns, func(c *nftables.Conn) ([]*nftables.Rule, error) { return c.GetRules(chain.Table, chain) })
}

func withRules[T any](netns string, list func(*nftables.Conn) (T, error)) (T, error) {
	var none T
	var options []nftables.ConnOption
	if netns != "" {
		file, err := kernel.OpenNetns("/", netns)
		if err != nil {
			return none, err
		}
		defer file.Close()
		options = append(options, nftables.WithNetNSFd(int(file.Fd())))
	}
	conn, err := nftables.New(options...)
	if err != nil {
		return none, fmt.Errorf("open nftables netlink: %w", err)
	}
	all, err := list(conn)
	if err != nil {
		return none, fmt.Errorf("list nftables rules: %w", err)
	}
	return all, nil
}

// A table is one nftables table, as far as forwarding goes.
type table struct {
	family nftables.TableFamily
	name   string
	chains map[string]*nftables.Chain
}

// iptables tells the table in which iptables-nft, or ip6tables-nft, keeps FORWARD.
func (t *table) iptables() bool { return t.family != nftables.TableFamilyINet && t.name == "filter" }

// String names the table as nft does.
func (t *table) String() string {
	names := map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet"}
	return names[t.family] + " " + t.name
}

// owner is who probably wrote the rules.
func (t *table) owner() string {
	switch {
	case t.name == "firewalld" || t.chains["FORWARD_direct"] != nil:
		return "firewalld"
	case t.chains["DOCKER-USER"] != nil || t.chains["DOCKER-FORWARD"] != nil:
		return "Docker"
	}
	return ""
}

// hooks are the chains that a forwarded packet passes.
func (t *table) hooks() (chains []*nftables.Chain) {
	for _, c := range t.chains {
		if c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookForward {
			chains = append(chains, c)
		}
	}
	slices.SortFunc(chains, func(a, b *nftables.Chain) int { return int(*a.Priority) - int(*b.Priority) })
	return chains
}

// tables reads the tables through which forwarded IP packets pass, but for Braid's own.
func tables(f Firewall) ([]*table, error) {
	chains, err := f.Chains()
	if err != nil {
		return nil, err
	}
	var all []*table
	for _, c := range chains {
		families := []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6, nftables.TableFamilyINet}
		if !slices.Contains(families, c.Table.Family) || c.Table.Name == kernel.NftTable {
			continue
		}
		i := slices.IndexFunc(all, func(t *table) bool { return t.family == c.Table.Family && t.name == c.Table.Name })
		if i < 0 {
			i, all = len(all), append(all, &table{family: c.Table.Family, name: c.Table.Name, chains: map[string]*nftables.Chain{}})
		}
		all[i].chains[c.Name] = c
	}
	return all, nil
}
