package doctor

import (
	"context"
	"fmt"
	"time"
)

// clock finds a clock that shows a time before this program was made. TLS fails with it, and with TLS the API server.
func clock(_ context.Context, v *visit) ([]Finding, error) {
	now := v.Now()
	if !now.Before(v.Built) {
		return nil, nil
	}
	return []Finding{fault(
		fmt.Sprintf("the clock shows %s, but braidctl was built at %s", stamp(now), stamp(v.Built)),
		"set the clock and keep it right: timedatectl set-ntp true; then restart kubelet")}, nil
}

// stamp writes a time for people in all zones.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
