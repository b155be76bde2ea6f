package doctor

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
)

// rules writes rules of others into the patient's real kernel.
type rules struct {
	*nftables.Conn
	t     *testing.T
	table *nftables.Table
}

func (p *patient) rules(t *testing.T, family nftables.TableFamily, table string) *rules {
	t.Helper()
	file, err := kernel.OpenNetns("/", p.world.Host)
	must(t, err)
	t.Cleanup(func() { file.Close() })
	conn, err := nftables.New(nftables.WithNetNSFd(int(file.Fd())))
	must(t, err)
	return &rules{Conn: conn, t: t, table: conn.AddTable(&nftables.Table{Family: family, Name: table})}
}

func (r *rules) base(name string, policy nftables.ChainPolicy) *nftables.Chain {
	return r.AddChain(&nftables.Chain{
		Name: name, Table: r.table, Type: nftables.ChainTypeFilter, Policy: &policy,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
}

func (r *rules) chain(name string) *nftables.Chain {
	return r.AddChain(&nftables.Chain{Name: name, Table: r.table})
}

func (r *rules) rule(chain *nftables.Chain, exprs ...[]expr.Any) {
	rule := &nftables.Rule{Table: r.table, Chain: chain}
	for _, e := range exprs {
		rule.Exprs = append(rule.Exprs, e...)
	}
	r.AddRule(rule)
}

func (r *rules) flush() {
	r.t.Helper()
	must(r.t, r.Flush())
}

func onLink(key expr.MetaKey, name string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: linkName(name)}}
}

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: kind, Chain: chain}}
}

// established matches packets of connections that were let through before.
func established() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: []byte{6, 0, 0, 0}, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// inSubnet matches 10.244.0.0/16 at an offset of the IP header.
func inSubnet(offset uint32) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: []byte{255, 255, 0, 0}, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{10, 244, 0, 0}},
	}
}

// docker is what Docker leaves in a node's FORWARD chain.
func docker(t *testing.T, p *patient) (r *rules, user *nftables.Chain) {
	t.Helper()
	r = p.rules(t, nftables.TableFamilyIPv4, "filter")
	forward := r.base("FORWARD", nftables.ChainPolicyDrop)
	user = r.chain("DOCKER-USER")
	r.rule(forward, verdict(expr.VerdictJump, "DOCKER-USER"))
	r.rule(forward, established(), verdict(expr.VerdictAccept, ""))
	r.rule(forward, onLink(expr.MetaKeyIIFNAME, "docker0"), verdict(expr.VerdictAccept, ""))
	return r, user
}

// bridged sets whether br_netfilter shows frames on bridges to the firewall.
func bridged(t *testing.T, p *patient, value string) {
	t.Helper()
	for _, name := range []string{"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"} {
		if _, err := p.host(t).Sysctl(name); errors.Is(err, fs.ErrNotExist) && value == "1" {
			t.Skip("needs br_netfilter")
		}
		must(t, p.host(t).SetSysctls(kernel.Setting{Name: name, Value: value, Optional: true}))
	}
}

var plantedRules = []planted{
	{"Docker", func(t *testing.T, p *patient) {
		bridged(t, p, "0")
		r, _ := docker(t, p)
		r.flush()
	}, [][]string{{
		"firewall fault: iptables chain FORWARD (of Docker) has policy DROP and accepts no connections from and to pods on braid0",
		"iptables -I DOCKER-USER -i braid0 -j ACCEPT && iptables -I DOCKER-USER -o braid0 -j ACCEPT", "docker.service",
	}}},
	{"Docker and accepting rules", func(t *testing.T, p *patient) {
		bridged(t, p, "0")
		r, user := docker(t, p)
		r.rule(user, onLink(expr.MetaKeyIIFNAME, "braid0"), verdict(expr.VerdictAccept, ""))
		r.rule(user, onLink(expr.MetaKeyOIFNAME, "braid0"), verdict(expr.VerdictAccept, ""))
		r.flush()
	}, nil},
	{"Docker and addresses that are accepted one way", func(t *testing.T, p *patient) {
		bridged(t, p, "0")
		r, user := docker(t, p)
		r.rule(user, inSubnet(12), verdict(expr.VerdictAccept, ""))
		r.flush()
	}, [][]string{{"firewall fault: ", "accepts no connections to pods on braid0", "-o braid0"}}},
	{"accepting rule for another link", func(t *testing.T, p *patient) {
		bridged(t, p, "0")
		r := p.rules(t, nftables.TableFamilyIPv4, "filter")
		forward := r.base("FORWARD", nftables.ChainPolicyDrop)
		r.rule(forward, onLink(expr.MetaKeyIIFNAME, "braid01"), verdict(expr.VerdictAccept, ""))
		r.rule(forward, []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte("brai")}},
			verdict(expr.VerdictAccept, ""))
		r.flush()
	}, [][]string{{"firewall fault: iptables chain FORWARD has policy DROP and accepts no connections from pods on braid0", "iptables -I FORWARD -i braid0 -j ACCEPT"}}},
	{"firewalld", func(t *testing.T, p *patient) {
		bridged(t, p, "0")
		r := p.rules(t, nftables.TableFamilyINet, "firewalld")
		forward := r.base("filter_FORWARD", nftables.ChainPolicyAccept)
		r.rule(forward, established(), verdict(expr.VerdictAccept, ""))
		r.rule(forward, []expr.Any{&expr.Reject{Type: 2, Code: 3}})
		r.flush()
	}, [][]string{{"firewall fault: nft table inet firewalld chain filter_FORWARD (of firewalld) drops connections from and to pods on braid0",
		"firewall-cmd --permanent --zone=trusted --add-interface=braid0 && firewall-cmd --reload"}}},
	{"IPv6 rules where pods have IPv4", func(t *testing.T, p *patient) {
		bridged(t, p, "0")
		r := p.rules(t, nftables.TableFamilyIPv6, "filter")
		r.base("FORWARD", nftables.ChainPolicyDrop)
		r.flush()
	}, nil},
	{"a table of somebody", func(t *testing.T, p *patient) {
		bridged(t, p, "0")
		r := p.rules(t, nftables.TableFamilyINet, "mine")
		r.base("fwd", nftables.ChainPolicyDrop)
		r.flush()
	}, [][]string{{"firewall fault: nft table inet mine chain fwd has policy DROP", "nft insert rule inet mine fwd iifname braid0 accept"}}},
	{"br_netfilter", func(t *testing.T, p *patient) {
		bridged(t, p, "1")
		r, user := docker(t, p)
		r.rule(user, onLink(expr.MetaKeyIIFNAME, "braid0"), verdict(expr.VerdictAccept, ""))
		r.rule(user, onLink(expr.MetaKeyOIFNAME, "braid0"), verdict(expr.VerdictAccept, ""))
		r.flush()
	}, [][]string{{"bridge-netfilter fault: iptables chain FORWARD (of Docker) has policy DROP and accepts no packets between pods on br-a, and net/bridge/bridge-nf-call-iptables is 1",
		"iptables -I DOCKER-USER -i br-a -o br-a -j ACCEPT"}}},
}

func TestPlantedRules(t *testing.T) {
	for _, tt := range plantedRules {
		t.Run(tt.name, func(t *testing.T) {
			p := healthy(t, kerneltest.NewReal(t))
			tt.plant(t, p)
			compare(t, p.examine(t), tt.want)
		})
	}
}
