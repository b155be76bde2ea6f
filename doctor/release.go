package doctor

import (
	"context"
	"fmt"
	"strings"
)

// The oldest kernel that Braid works on.
const minMajor, minMinor = 5, 14

// kernelRelease finds a kernel that is too old.
func kernelRelease(_ context.Context, v *visit) ([]Finding, error) {
	data, err := v.files.read("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, err
	}
	release := strings.TrimSpace(string(data))
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return nil, fmt.Errorf("read kernel release %q: %w", release, err)
	}
	if major > minMajor || major == minMajor && minor >= minMinor {
		return nil, nil
	}
	return []Finding{fault(fmt.Sprintf("Linux %s is too old", release),
		fmt.Sprintf("boot Linux %d.%d or newer; distributions have one as an additional kernel package", minMajor, minMinor))}, nil
}
