package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// A state is what another process needs to take the cluster down: what was started, and what was changed on the
// machine. It is on disk before the thing it names exists, so a run killed at any moment can be cleaned up after.
type state struct {
	Dir       string
	Nodes     int
	Detached  bool    // meant to outlive the process that started it
	Owner     process // who started it
	Processes []process
	Changes   []change // in the order they were made

	mu sync.Mutex
}

// createState makes the state file; it fails if there is one, so that two runs never share the machine's names.
func createState(s *state) error {
	file, err := os.OpenFile(stateFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("start cluster: another run has just started one (%s)", stateFile)
	}
	if err != nil {
		return fmt.Errorf("create cluster state: %w", err)
	}
	file.Close()
	return s.save()
}

// readState returns an error that is fs.ErrNotExist when no cluster is up.
func readState() (*state, error) {
	data, err := os.ReadFile(stateFile)
	if err != nil {
		return nil, fmt.Errorf("read cluster state: %w", err)
	}
	s := &state{}
	if len(data) == 0 { // killed between its creation and its first content: nothing was done yet
		return s, nil
	}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read cluster state %s: %w", stateFile, err)
	}
	return s, nil
}

func (s *state) save() error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("save cluster state: %w", err)
	}
	aside := stateFile + ".new"
	if err := os.WriteFile(aside, data, 0o600); err != nil {
		return fmt.Errorf("save cluster state: %w", err)
	}
	if err := os.Rename(aside, stateFile); err != nil {
		return fmt.Errorf("save cluster state: %w", err)
	}
	return nil
}

// willChange records a change before it is made.
func (s *state) willChange(c change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Changes = append(s.Changes, c)
	return s.save()
}

// started records a process; one of the same name has ended before.
func (s *state) started(p process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Processes = slices.DeleteFunc(s.Processes, func(q process) bool { return q.Name == p.Name })
	s.Processes = append(s.Processes, p)
	return s.save()
}

func (s *state) process(name string) (process, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.Processes, func(p process) bool { return p.Name == name })
	if i < 0 {
		return process{}, false
	}
	return s.Processes[i], true
}

// alive says whether anything of the cluster still runs.
func (s *state) alive() bool {
	return slices.ContainsFunc(s.Processes, process.alive)
}
