package conformance

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"
)

const (
	// echoPort is where the far ends of the probes listen.
	echoPort  = 7
	askTries  = 6
	askWithin = 300 * time.Millisecond
)

// packets is step 7: to the gateway where the host is that, to another container, and over mapped ports.
func packets(t *trial) error {
	a, err := t.attached()
	if a == nil {
		return err
	}
	defer t.mustDel(a, "DEL")
	first := t.parse(a)
	if first == nil {
		return nil
	}
	// Asked before another container asks for the same ports.
	mapped, err := t.reachMapped(a, first)
	if err != nil {
		return err
	}
	b, err := t.attached()
	if b == nil {
		return err
	}
	defer t.mustDel(b, "DEL")
	second := t.parse(b)
	if second == nil {
		return nil
	}
	tried := mapped
	for i, ip := range first.IPs {
		if t.hostHas(ip.Gateway) {
			tried++
			t.reach(a.box, nil, ip.Gateway, "the gateway")
		}
		if i < len(second.IPs) && !second.IPs[i].Address.IP.Equal(ip.Address.IP) {
			tried++
			t.reach(a.box, b.box, second.IPs[i].Address.IP, "another container")
		}
	}
	if tried == 0 && len(t.reasons) == 0 {
		return t.skip("no address to send to")
	}
	return nil
}

// hostHas says whether an address is the host's.
func (t *trial) hostHas(ip net.IP) bool {
	if ip == nil {
		return false
	}
	lines, err := t.host.namespace.state()
	if err != nil {
		return false
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "address "+ip.String()+"/") {
			return true
		}
	}
	return false
}

// in runs f in a sandbox, or on the host for nil.
func (h *host) in(b *sandbox, f func() error) error {
	if b == nil {
		return h.thread.do(f)
	}
	return h.inside(b, f)
}

// reach sends packets between two namespaces and wants them back.
func (t *trial) reach(from, to *sandbox, ip net.IP, whom string) {
	server, err := t.echo(to, &net.UDPAddr{IP: ip, Port: echoPort})
	if err != nil {
		t.failf("nobody can listen on the address of %s", whom)
		return
	}
	defer server.Close()
	if err := t.send(from, &net.UDPAddr{IP: ip, Port: echoPort}); err != nil {
		t.failf("packets do not reach %s", whom)
		t.show("to "+whom, []string{err.Error()})
	}
}

// echo answers packets with themselves until it is closed. It tries again while the address is not usable yet.
func (t *trial) echo(b *sandbox, at *net.UDPAddr) (conn *net.UDPConn, err error) {
	for range askTries {
		if err = t.host.in(b, func() (err error) { conn, err = net.ListenUDP("udp", at); return err }); err == nil {
			break
		}
		time.Sleep(askWithin)
	}
	if err != nil {
		return nil, err
	}
	go func() {
		buffer := make([]byte, 64)
		for {
			n, from, err := conn.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDP(buffer[:n], from)
		}
	}()
	return conn, nil
}

// send returns nil when an answer came.
func (t *trial) send(from *sandbox, to *net.UDPAddr) (err error) {
	for range askTries {
		var conn *net.UDPConn
		err = t.host.in(from, func() (err error) { conn, err = net.DialUDP("udp", nil, to); return err })
		if err == nil {
			err = exchange(conn)
			_ = conn.Close()
		}
		if err == nil || t.ctx.Err() != nil {
			return err
		}
	}
	return err
}

func exchange(conn *net.UDPConn) error {
	_ = conn.SetDeadline(time.Now().Add(askWithin))
	if _, err := conn.Write([]byte("cniconform")); err != nil {
		time.Sleep(askWithin)
		return err
	}
	_, err := conn.Read(make([]byte, 64))
	return err
}

// reachMapped sends to the host's ports that the options map into the container, as far as they are UDP.
func (t *trial) reachMapped(a *attachment, r *current.Result) (tried int, err error) {
	text, err := json.Marshal(t.network.capabilities["portMappings"])
	if err != nil {
		return 0, fmt.Errorf("read portMappings: %w", err)
	}
	var mappings []struct {
		HostPort, ContainerPort int
		Protocol                string
	}
	if err := json.Unmarshal(text, &mappings); err != nil {
		return 0, fmt.Errorf("read portMappings: %w", err)
	}
	outside, _, _ := net.ParseCIDR(uplinkAddress)
	for _, m := range mappings {
		if m.Protocol != "udp" || len(r.IPs) == 0 {
			continue
		}
		tried++
		server, err := t.echo(a.box, &net.UDPAddr{IP: r.IPs[0].Address.IP, Port: m.ContainerPort})
		if err != nil {
			return tried, err
		}
		if err := t.send(nil, &net.UDPAddr{IP: outside, Port: m.HostPort}); err != nil {
			t.failf("packets to a mapped port do not reach the container")
		}
		server.Close()
	}
	return tried, nil
}
