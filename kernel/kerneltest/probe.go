package kerneltest

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// probePort is where servers listen.
const probePort = 7777

// Limits of Ask.
const (
	askTries = 5
	askWait  = 300 * time.Millisecond
)

// Serve answers every UDP packet that comes to an address in a namespace with the source address it came from,
// until the test ends. Real worlds only.
func (w *World) Serve(t testing.TB, netns, address string) {
	t.Helper()
	var conn *net.UDPConn
	var err error
	w.In(t, netns, func() { conn, err = net.ListenUDP("udp", endpoint(address)) })
	if err != nil {
		t.Fatalf("listen on %s: %v", address, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			_, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort([]byte(from.Addr().Unmap().String()), from)
		}
	}()
}

// Ask sends packets of a payload of size bytes, which may not be fragmented, from a namespace to a server, and
// returns the source address that the server saw. It gives up after 1.5 s without an answer.
func (w *World) Ask(t testing.TB, netns, server string, size int) (string, error) {
	t.Helper()
	var conn *net.UDPConn
	var err error
	w.In(t, netns, func() { conn, err = net.DialUDP("udp", nil, endpoint(server)) })
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := noFragments(conn, endpoint(server)); err != nil {
		return "", err
	}
	buf := make([]byte, 256)
	for range askTries {
		if _, err = conn.Write(make([]byte, size)); err != nil {
			return "", err
		}
		_ = conn.SetReadDeadline(time.Now().Add(askWait))
		n, readErr := conn.Read(buf)
		if readErr == nil {
			return string(buf[:n]), nil
		}
		err = readErr
	}
	return "", fmt.Errorf("no answer from %s: %w", server, err)
}

func endpoint(address string) *net.UDPAddr {
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), probePort))
}

func noFragments(conn *net.UDPConn, to *net.UDPAddr) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		if to.IP.To4() != nil {
			setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
			return
		}
		setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO)
	})
	if err != nil {
		return err
	}
	return setErr
}
