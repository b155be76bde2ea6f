// Command probe watches the way to another probe (see package probe) and writes "met" when it begins, a report in JSON
// when it ends.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/braid-cni/braid/e2e/probe"
)

func main() {
	var o probe.Options
	flag.TextVar(&o.Local, "local", netip.AddrPort{}, "address and port of this end")
	flag.TextVar(&o.Peer, "peer", netip.AddrPort{}, "address and port of the other end")
	flag.DurationVar(&o.For, "for", time.Minute, "how long to watch")
	flag.DurationVar(&o.Every, "every", 10*time.Millisecond, "interval of packets and frames")
	flag.Parse()
	o.Met = func() { fmt.Println("met") }
	report, err := probe.Run(context.Background(), o)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(report)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}
