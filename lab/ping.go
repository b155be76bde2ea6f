package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

const (
	// pings is how often an echo is asked for until one comes: the first may be lost while addresses are resolved.
	pings    = 3
	pingWait = time.Second
)

// An ipVersion is what the two versions of IP do differently for an echo.
type ipVersion struct {
	network, any         string
	protocol             int
	request, reply       icmp.Type
	level, option, never int
	// headers are the bytes of a packet that are not payload.
	headers int
}

func versionOf(a netip.Addr) ipVersion {
	if a.Is4() {
		return ipVersion{
			network: "ip4:icmp", any: "0.0.0.0", protocol: unix.IPPROTO_ICMP, request: ipv4.ICMPTypeEcho, reply: ipv4.ICMPTypeEchoReply,
			level: unix.IPPROTO_IP, option: unix.IP_MTU_DISCOVER, never: unix.IP_PMTUDISC_DO, headers: 20 + 8,
		}
	}
	return ipVersion{
		network: "ip6:ipv6-icmp", any: "::", protocol: unix.IPPROTO_ICMPV6, request: ipv6.ICMPTypeEchoRequest, reply: ipv6.ICMPTypeEchoReply,
		level: unix.IPPROTO_IPV6, option: unix.IPV6_MTU_DISCOVER, never: unix.IPV6_PMTUDISC_DO, headers: 40 + 8,
	}
}

// Ping sends an ICMP echo request from a pod or a node, named as for Exec, in one packet of size bytes with all headers,
// which nobody may fragment, and returns how long the answer took.
func (l *Lab) Ping(ctx context.Context, from string, to netip.Addr, size int) (took time.Duration, err error) {
	version := versionOf(to)
	var conn net.PacketConn
	err = l.place(from, func() (err error) {
		conn, err = net.ListenPacket(version.network, version.any)
		return err
	})
	if err == nil {
		defer conn.Close()
		took, err = ping(ctx, conn, version, to, size)
	}
	if err != nil {
		return 0, fmt.Errorf("ping %s from %s with %d bytes: %w", to, from, size, err)
	}
	return took, nil
}

func ping(ctx context.Context, conn net.PacketConn, version ipVersion, to netip.Addr, size int) (time.Duration, error) {
	if size < version.headers {
		return 0, fmt.Errorf("a packet has %d bytes at least", version.headers)
	}
	if err := neverFragment(conn, version); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	echo := &icmp.Echo{ID: int(rand.Uint32() & 0xffff), Data: make([]byte, size-version.headers)}
	for echo.Seq = 1; ; echo.Seq++ {
		start := time.Now()
		err := exchange(conn, version, to, echo)
		if err == nil {
			return time.Since(start), nil
		}
		if echo.Seq == pings || !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, errors.Join(ctx.Err(), err)
		}
	}
}

func neverFragment(conn net.PacketConn, version ipVersion) error {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	err = raw.Control(func(fd uintptr) { setErr = unix.SetsockoptInt(int(fd), version.level, version.option, version.never) })
	return errors.Join(err, setErr)
}

// exchange sends one request and waits for the answer to it. Of ICMPv6 the kernel makes the checksum.
func exchange(conn net.PacketConn, version ipVersion, to netip.Addr, echo *icmp.Echo) error {
	packet, err := (&icmp.Message{Type: version.request, Body: echo}).Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(packet, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(pingWait)); err != nil {
		return err
	}
	buffer := make([]byte, 1<<16)
	for {
		n, sender, err := conn.ReadFrom(buffer)
		if err != nil {
			return err
		}
		answer, err := icmp.ParseMessage(version.protocol, buffer[:n])
		if err != nil || answer.Type != version.reply || sender.String() != to.String() {
			continue
		}
		if got, ok := answer.Body.(*icmp.Echo); ok && got.ID == echo.ID && got.Seq == echo.Seq && len(got.Data) == len(echo.Data) {
			return nil
		}
	}
}
