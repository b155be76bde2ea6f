package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A runner runs a command in the namespaces that a snapshot is of.
type runner func(ctx context.Context, argv ...string) (string, error)

// Snapshot says, as sorted lines, all that a CNI may leave on the node: links, addresses, routes, rules, neighbours,
// forwarding entries, nft rules, network namespaces, and the files of leases. What changes by itself is not in it:
// counters, ages, indexes, carrier.
func (n *Node) Snapshot(ctx context.Context) (string, error) {
	lines, err := network(ctx, n.Exec)
	if err != nil {
		return "", err
	}
	files, err := filesBelow(n.Path("/"), "/run/netns", "/var/lib/cni", "/run/braid/libcni", "/var/lib/braid")
	return sorted(append(lines, files...)), err
}

// HostSnapshot says the same of the machine itself, with what a cluster changes there: mounts, cgroups, the values
// of sysctls, and the folders that its nodes have private ones over.
func HostSnapshot(ctx context.Context) (string, error) {
	lines, err := network(ctx, run)
	if err != nil {
		return "", err
	}
	files, err := filesBelow("/", append(privateFolders(), "/run/netns")...)
	if err != nil {
		return "", err
	}
	machine, err := machine()
	return sorted(slices.Concat(lines, files, machine)), err
}

// Diff returns the lines that two snapshots do not share, those of the first marked -, of the second +.
func Diff(before, after string) string {
	had, has := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	for _, line := range had {
		if !slices.Contains(has, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	for _, line := range has {
		if !slices.Contains(had, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	return b.String()
}

func machine() ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	lines := prefixed("mount", string(mounts))
	for _, name := range append(kubeletSysctls(), "net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding") {
		value, err := os.ReadFile(sysctlPath(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read sysctl: %w", err)
		}
		lines = append(lines, "sysctl "+name+" "+strings.TrimSpace(string(value)))
	}
	dirs, err := hierarchies()
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, cgroupRoot)); err == nil {
			lines = append(lines, "cgroup "+filepath.Join(dir, cgroupRoot))
		}
	}
	return lines, err
}

// filesBelow lists folders and files by name. host-local's lock, and its note of the address given last, stay when
// no pod is left.
func filesBelow(root string, dirs ...string) ([]string, error) {
	var lines []string
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || entry.Name() == "lock" || strings.HasPrefix(entry.Name(), "last_reserved_ip") {
				return err
			}
			name, err := filepath.Rel(root, path)
			lines = append(lines, "file /"+name)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list files: %w", err)
		}
	}
	return lines, nil
}

func prefixed(prefix, text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			lines = append(lines, prefix+" "+line)
		}
	}
	return lines
}

func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
