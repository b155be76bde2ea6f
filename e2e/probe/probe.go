// Package probe watches the way between two addresses for a while: an echo every few milliseconds with sequence
// numbers, and a TCP stream with a sequence check, from each end. Both ends run it.
package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	meetWithin = 20 * time.Second // for both ends to be there
	late       = time.Second      // how long an answer may take that is not lost
)

// Rarely is the average interval at which a probe must have sent at least for its report to mean something. It sends each
// 10 ms, as far as a machine that is busy lets it.
const Rarely = 40 * time.Millisecond

// Options say what to watch.
type Options struct {
	Local netip.AddrPort // where the other end finds this one, by UDP and TCP
	Peer  netip.AddrPort
	For   time.Duration
	Every time.Duration
	Met   func() // called when the peer is there and the watch begins
}

// A Report is what one end has seen.
type Report struct {
	Echo   Echo
	Stream Stream
}

// Run watches until the time is over and both ends have counted what was under way. It fails when the ends do not
// meet or the stream breaks; lost packets are no error, but in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, o.For+meetWithin+5*late)
	defer cancel()
	echoes, err := listenEcho(o.Local)
	if err != nil {
		return Report{}, err
	}
	defer echoes.Close()
	go serveEcho(echoes)
	out, in, err := meet(ctx, o)
	if err != nil {
		return Report{}, err
	}
	defer out.Close()
	defer in.Close()
	o.Met()
	return watch(ctx, o, out, in)
}

func watch(ctx context.Context, o Options, out, in *net.TCPConn) (Report, error) {
	ticks, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	var r Report
	var sent int
	var group errgroup.Group
	group.Go(func() (err error) { r.Echo, err = ping(ticks, o); return err })
	group.Go(func() (err error) { sent, err = send(ticks, out, o.Every); return err })
	group.Go(func() (err error) { r.Stream, err = receive(ctx, in); return err })
	err := group.Wait()
	r.Stream.Sent = sent
	if err == nil {
		time.Sleep(2 * late) // the peer may still wait for its last echoes
	}
	return r, err
}

// meet connects to the peer and lets the peer connect. Each end listens for echoes before it does that for streams.
func meet(ctx context.Context, o Options) (out, in *net.TCPConn, err error) {
	ctx, cancel := context.WithTimeout(ctx, meetWithin)
	defer cancel()
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(o.Local))
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the peer: %w", err)
	}
	defer listener.Close()
	context.AfterFunc(ctx, func() { listener.Close() })
	if out, err = dial(ctx, o.Peer); err != nil {
		return nil, nil, err
	}
	if in, err = listener.AcceptTCP(); err != nil {
		return nil, nil, fmt.Errorf("wait for the peer: %w", err)
	}
	return out, in, nil
}

func dial(ctx context.Context, peer netip.AddrPort) (*net.TCPConn, error) {
	for {
		conn, err := (&net.Dialer{Timeout: late}).DialContext(ctx, "tcp", peer.String())
		if err == nil {
			return conn.(*net.TCPConn), nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("reach the peer: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
