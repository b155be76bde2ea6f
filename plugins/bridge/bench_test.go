package bridge_test

import (
	"fmt"
	"testing"

	"github.com/braid-cni/braid/kernel/kerneltest"
)

// BenchmarkAdd is one attachment with address, gateway, default route and masquerade, beside another that keeps
// the bridge; the IPAM driver costs nothing.
func BenchmarkAdd(b *testing.B) {
	for _, bb := range []struct{ name, config string }{
		{"L2", conf("")},
		{"address", conf(`"isDefaultGateway":true,"ipam":{"type":"test"}`)},
		{"masquerade", conf(`"isDefaultGateway":true,"ipMasq":true,"ipam":{"type":"test"}`)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			w := newWorld(kerneltest.NewReal(b))
			w.add(b, pod{id: "first", netns: w.Netns(b), config: bb.config})
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				p := pod{id: fmt.Sprint("c", i), netns: w.Netns(b), config: bb.config}
				b.StartTimer()
				w.add(b, p)
				b.StopTimer()
				w.del(b, p)
				w.Remove(p.netns)
				w.ipam.last = 1
				b.StartTimer()
			}
		})
	}
}
