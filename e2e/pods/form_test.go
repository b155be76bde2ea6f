package pods

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/braid-cni/braid/e2e/suite"
)

// form is what two pods have in common when their networks were made by different programs: interfaces and their kinds,
// MTUs, lengths of addresses, and routes; not the addresses, the marks of who made them, and the other ends.
func (s *sandbox) form(t *suite.Test) []string {
	t.Helper()
	var lines []string
	for _, l := range s.links(t) {
		lines = append(lines, fmt.Sprintf("link %s kind=%s mtu=%d state=%s", l.Name, l.Info.Kind, l.MTU, l.State))
		for _, prefix := range l.prefixes() {
			p := netip.MustParsePrefix(prefix)
			lines = append(lines, fmt.Sprintf("address %s %s", l.Name, p.Masked()))
		}
	}
	for _, family := range []string{"-4", "-6"} {
		for _, r := range s.routes(t, family) {
			lines = append(lines, fmt.Sprintf("route %s %s via %s dev %s metric %d", family, r.Dst, r.Gateway, r.Dev, r.Metric))
		}
	}
	slices.Sort(lines)
	return lines
}

// sameForm fails the test with the lines that differ.
func sameForm(t *suite.Test, what string, want, have []string) {
	t.Helper()
	if !slices.Equal(want, have) {
		t.Errorf("%s: want\n%s\nhave\n%s", what, strings.Join(want, "\n"), strings.Join(have, "\n"))
	}
}
