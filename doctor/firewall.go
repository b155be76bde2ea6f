package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// firewall finds rules of others that drop what bridges with a gateway pass on. No rule of ours could help: a packet must
// pass every table.
func firewall(_ context.Context, v *visit) (found []Finding, err error) {
	bridges, err := v.bridges()
	if err != nil {
		return nil, err
	}
	tables, err := tables(v.Firewall)
	if err != nil {
		return nil, err
	}
	for _, b := range bridges {
		for _, subnet := range oneOfEach(b.subnets) {
			f, judgeErr := v.judge(tables, b.Name, subnet)
			found, err = append(found, f...), errors.Join(err, judgeErr)
		}
	}
	return found, err
}

// oneOfEach keeps the first subnet of each family.
func oneOfEach(subnets []netip.Prefix) (first []netip.Prefix) {
	seen := map[string]bool{}
	for _, s := range subnets {
		if !seen[familyOf(s.Addr())] {
			seen[familyOf(s.Addr())] = true
			first = append(first, s)
		}
	}
	return first
}

// judge tries a connection of a pod and one to it.
func (v *visit) judge(tables []*table, bridge string, subnet netip.Prefix) ([]Finding, error) {
	pod, v6 := subnet.Addr().Next().Next(), subnet.Addr().Is6()
	from, err := blocked(v.Firewall, tables, packet{v6: v6, in: bridge, src: pod})
	if err != nil {
		return nil, err
	}
	to, err := blocked(v.Firewall, tables, packet{v6: v6, out: bridge, dst: pod})
	if err != nil {
		return nil, err
	}
	switch {
	case from != nil && to != nil && *from == *to:
		return []Finding{fault(from.says(v6, "connections from and to pods on "+bridge), from.accept(v6, "-i "+bridge, "-o "+bridge))}, nil
	case from != nil:
		return []Finding{fault(from.says(v6, "connections from pods on "+bridge), from.accept(v6, "-i "+bridge))}, nil
	case to != nil:
		return []Finding{fault(to.says(v6, "connections to pods on "+bridge), to.accept(v6, "-o "+bridge))}, nil
	}
	return nil, nil
}

// says names the chain, what it drops, and whose it probably is.
func (b *blocker) says(v6 bool, what string) string {
	owner := b.table.owner()
	if owner != "" {
		owner = " (of " + owner + ")"
	}
	how := "drops"
	if b.policy {
		how = "has policy DROP and accepts no"
	}
	if b.table.iptables() {
		return fmt.Sprintf("%s chain %s%s %s %s", program(v6), b.chain, owner, how, what)
	}
	return fmt.Sprintf("nft table %s chain %s%s %s %s", b.table, b.chain, owner, how, what)
}

// program is the iptables of a family.
func program(v6 bool) string {
	if v6 {
		return "ip6tables"
	}
	return "iptables"
}

// accept are commands that let packets pass; matches are those of iptables, the link's name at the end.
func (b *blocker) accept(v6 bool, matches ...string) string {
	var commands []string
	for _, match := range matches {
		commands = append(commands, b.command(v6, match))
	}
	switch b.table.owner() {
	case "firewalld":
		return commands[0] // a zone is for both directions
	case "Docker":
		return strings.Join(commands, " && ") + "; again at each boot, from a unit After=docker.service"
	}
	return strings.Join(commands, " && ") + "; and where the node's rules are kept"
}

func (b *blocker) command(v6 bool, match string) string {
	fields := strings.Fields(match)
	link := fields[len(fields)-1]
	switch {
	case b.table.owner() == "firewalld":
		return fmt.Sprintf("firewall-cmd --permanent --zone=trusted --add-interface=%s && firewall-cmd --reload", link)
	case b.table.chains["DOCKER-USER"] != nil && b.table.iptables():
		return fmt.Sprintf("%s -I DOCKER-USER %s -j ACCEPT", program(v6), match)
	case b.table.iptables():
		return fmt.Sprintf("%s -I %s %s -j ACCEPT", program(v6), b.chain, match)
	}
	nft := strings.NewReplacer("-i ", "iifname ", "-o ", "oifname ").Replace(match)
	return fmt.Sprintf("nft insert rule %s %s %s accept", b.table, b.chain, nft)
}
