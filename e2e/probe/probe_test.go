package probe

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestNothingIsLostOnLoopback(t *testing.T) {
	one, two := netip.MustParseAddrPort("127.0.0.1:17171"), netip.MustParseAddrPort("127.0.0.2:17171")
	var reports [2]Report
	var group errgroup.Group
	for i, ends := range [][2]netip.AddrPort{{one, two}, {two, one}} {
		group.Go(func() (err error) {
			o := Options{Local: ends[0], Peer: ends[1], For: time.Second / 2, Every: 5 * time.Millisecond, Met: func() {}}
			reports[i], err = Run(t.Context(), o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, r := range reports {
		other := reports[1-i]
		if r.Echo.Sent < 20 || r.Echo.Lost+r.Echo.Reordered+r.Echo.Doubled != 0 || r.Stream.Received != other.Stream.Sent || r.Stream.Sent < 20 {
			t.Errorf("%+v", r)
		}
	}
}

func TestLossIsSeen(t *testing.T) {
	server, err := listenEcho(netip.MustParseAddrPort("127.0.0.1:17172"))
	if err != nil {
		t.Fatal(err)
	}
	go func() { // answers once and twice, then hears no more
		buffer := make([]byte, 8)
		for i := range 2 {
			_, from, err := server.ReadFromUDPAddrPort(buffer)
			for range i + 1 {
				if err == nil {
					_, err = server.WriteToUDPAddrPort(buffer, from)
				}
			}
		}
		server.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	got, err := ping(ctx, Options{
		Local: netip.MustParseAddrPort("127.0.0.1:0"), Peer: netip.MustParseAddrPort("127.0.0.1:17172"), Every: 5 * time.Millisecond,
	})
	if err != nil || got.Sent < 5 || got.Lost != got.Sent-2 || got.Doubled != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCounter(t *testing.T) {
	c := counter{seen: map[uint64]bool{}}
	start := time.Now()
	for i, sequence := range []uint64{0, 1, 3, 2, 3, 4} {
		c.note(sequence, start.Add(time.Duration(i)*time.Millisecond))
	}
	if len(c.seen) != 5 || c.reordered != 1 || c.doubled != 1 || c.gap != 2*time.Millisecond {
		t.Errorf("%+v", c)
	}
}

func TestNobodyThere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	o := Options{Local: netip.MustParseAddrPort("127.0.0.1:17173"), Peer: netip.MustParseAddrPort("127.0.0.1:17174")}
	if _, err := Run(ctx, o); err == nil || !strings.Contains(err.Error(), "reach the peer") {
		t.Errorf("%v", err)
	}
}
