package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupMount = "/sys/fs/cgroup"

// hierarchies are the folders under which a cgroup of the cluster exists: one with cgroup v2, many with v1.
func hierarchies() ([]string, error) {
	if unified() {
		return []string{cgroupMount}, nil
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() { // not the links for joined controllers, as cpu -> cpu,cpuacct
			dirs = append(dirs, filepath.Join(cgroupMount, e.Name()))
		}
	}
	return dirs, nil
}

// tracking is the hierarchy by which processes are found. Everything the cluster starts is put there, children
// inherit it, and containers get theirs below.
func tracking() string {
	if unified() {
		return cgroupMount
	}
	return filepath.Join(cgroupMount, "pids")
}

func unified() bool {
	var fs unix.Statfs_t
	return unix.Statfs(cgroupMount, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
}

// makeCgroups makes the cluster's cgroups: one for the control plane, and for each node one that kubelet puts pods
// into, with one inside for what is no pod.
func (s *state) makeCgroups() error {
	if err := s.willChange(change{Kind: madeCgroup, Name: cgroupRoot}); err != nil {
		return err
	}
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := makeCgroupsIn(dir, s.Nodes); err != nil {
			return fmt.Errorf("make cgroups: %w", err)
		}
	}
	return nil
}

func makeCgroupsIn(hierarchy string, nodes int) error {
	names := []string{cgroupRoot, controlCgroup()}
	for i := range nodes {
		names = append(names, filepath.Join(cgroupRoot, nodeName(i+1)), nodeCgroup(nodeName(i+1)))
	}
	for _, name := range names {
		if err := delegateControllers(filepath.Dir(filepath.Join(hierarchy, name))); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(hierarchy, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// delegateControllers hands what a cgroup v2 may limit on to its children; in v1 there is nothing to do.
func delegateControllers(dir string) error {
	file := filepath.Join(dir, "cgroup.subtree_control")
	if _, err := os.Stat(file); err != nil || !unified() {
		return nil
	}
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var all []string
	for name := range strings.FieldsSeq(string(controllers)) {
		all = append(all, "+"+name)
	}
	return os.WriteFile(file, []byte(strings.Join(all, " ")), 0o644)
}

func controlCgroup() string { return filepath.Join(cgroupRoot, "control") }

func nodeCgroup(node string) string { return filepath.Join(cgroupRoot, node, "system") }

// killCgroup kills every process in and below a cgroup of ours and waits until none is left. It cannot hit a
// stranger: nobody else puts a process there.
func killCgroup(name string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		pids, err := cgroupProcesses(filepath.Join(tracking(), name))
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("kill processes of cgroup %s: %v are still there after 10 s", name, pids)
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("kill process %d of cgroup %s: %w", pid, name, err)
			}
		}
	}
}

// cgroupProcesses lists the processes in and below a cgroup, without those that are dead and not yet reaped.
func cgroupProcesses(dir string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a pod's cgroup that went while we looked
			return nil
		}
		if err != nil || entry.IsDir() || entry.Name() != "cgroup.procs" {
			return err
		}
		found, err := readProcesses(path)
		pids = append(pids, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list processes of cgroup: %w", err)
	}
	return pids, nil
}

func readProcesses(file string) ([]int, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for field := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if status, _, err := processStat(pid); err == nil && status != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// removeCgroup removes a cgroup and those below it in every hierarchy.
func removeCgroup(name string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, removeTree(filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}

func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	for _, dir := range slices.Backward(dirs) {
		if err := removeOne(dir); err != nil {
			return fmt.Errorf("remove cgroup: %w", err)
		}
	}
	return nil
}

// removeOne tries for a while: a cgroup stays busy for a moment after its last process went.
func removeOne(dir string) error {
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}
