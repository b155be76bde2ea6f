package kernel_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/braid-cni/braid/kernel"
)

func TestLinkName(t *testing.T) {
	name := kernel.LinkName("c1", "eth0")
	// The hash of "c1", a zero byte and "eth0"; a change would orphan the links of running pods.
	want(t, "name", name, "braidec43057c07")
	for _, tt := range []struct {
		name string
		ok   bool
	}{
		{name, true}, {"braid0", false}, {"braid0123456789", true}, {"braid012345678x", false}, {"veth0123456789", false},
		{"braid01234567890", false},
	} {
		if kernel.IsLinkName(tt.name) != tt.ok {
			t.Errorf("IsLinkName(%q) != %v", tt.name, tt.ok)
		}
	}
	if kernel.LinkName("c1e", "th0") == name {
		t.Error("container and interface run into each other")
	}
}

func TestAlias(t *testing.T) {
	for _, tt := range []struct{ name, pod, want string }{
		{"plain", "web", "ns/web eth0 ns/net"},
		{"control characters", "w\neb\x00\x1b", "ns/web eth0 ns/net"},
		{"invalid UTF-8", "w\xffeb", "ns/web eth0 ns/net"},
		{"too long", strings.Repeat("a", 300), "ns/" + strings.Repeat("a", 252)},
		{"cut inside a character", strings.Repeat("a", 251) + "é", "ns/" + strings.Repeat("a", 251)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := kernel.Alias("ns/" + tt.pod + " eth0 ns/net")
			want(t, "alias", got, tt.want)
			if len(got) > 255 || !utf8.ValidString(got) {
				t.Errorf("alias of %d bytes: %q", len(got), got)
			}
		})
	}
}

func TestGeneratedNames(t *testing.T) {
	for _, name := range []string{kernel.BridgeName("default/blue"), kernel.TunnelName("default/blue")} {
		if len(name) > 15 {
			t.Errorf("%q is longer than a link's name may be", name)
		}
	}
	if mac := kernel.RandomMAC(); len(mac) != 6 || mac[0]&3 != 2 {
		t.Errorf("MAC %s is not local and unicast", mac)
	}
}
