package hostlocal

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/ipam"
)

// resolvConfMax bounds what is read of a resolv.conf, in bytes.
const resolvConfMax = 64 << 10

// readResolvConf reads the resolver configuration at a path inside root; an empty path gives an empty one. A file
// that is missing is an error of code 5.
func readResolvConf(root, name string) (types.DNS, error) {
	if name == "" {
		return types.DNS{}, nil
	}
	// A named pipe without a writer must not hold the pod.
	f, err := openIn(root, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return types.DNS{}, ipam.Errorf(types.ErrIOFailure, "open ipam.resolvConf: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return types.DNS{}, ipam.Errorf(types.ErrInvalidNetworkConfig, "ipam.resolvConf: %q is no regular file: name one", name)
	}
	dns, err := parseResolvConf(io.LimitReader(f, resolvConfMax))
	return dns, ipam.WithCode(types.ErrIOFailure, err)
}

// parseResolvConf reads the four keywords that a CNI result has a place for. Of several domains the last counts,
// everything else adds up.
func parseResolvConf(r io.Reader) (types.DNS, error) {
	var dns types.DNS
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			dns.Nameservers = append(dns.Nameservers, words[1])
		case "domain":
			dns.Domain = words[1]
		case "search":
			dns.Search = append(dns.Search, words[1:]...)
		case "options":
			dns.Options = append(dns.Options, words[1:]...)
		}
	}
	if err := lines.Err(); err != nil {
		return dns, fmt.Errorf("read ipam.resolvConf: %w", err)
	}
	return dns, nil
}
