package conformance

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// doubleScript is a CNI plugin that writes its calls down and answers from files.
//
//go:embed double.sh
var doubleScript []byte

// A double stands for a plugin that the one under examination calls.
type double struct {
	typ string
	// dir holds its answers, notes what all doubles were called with.
	dir, notes string
}

// A note is one call of a double.
type note struct {
	typ, command string
	env          map[string]string
	config       object
}

// double installs one. answers are what it prints, by command, and with an ending for the version in question: "ADD.0"
// for those before 1.0, "ADD.1".
func (s *suite) double(typ string, answers map[string]string) (*double, error) {
	d := &double{typ: typ, dir: filepath.Join(s.dir, "answers", typ), notes: filepath.Join(s.dir, "notes")}
	err := errors.Join(os.RemoveAll(d.dir), os.MkdirAll(d.dir, 0o755), os.MkdirAll(s.doubles(), 0o755),
		os.RemoveAll(d.notes), os.MkdirAll(d.notes, 0o755))
	for name, text := range answers {
		err = errors.Join(err, os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644))
	}
	path := filepath.Join(s.doubles(), typ)
	if _, statErr := os.Stat(path); statErr != nil {
		err = errors.Join(err, os.WriteFile(path, doubleScript, 0o755))
	}
	if err != nil {
		return nil, fmt.Errorf("install the double %q: %w", typ, err)
	}
	return d, nil
}

// refuse makes the double fail at a command with an error of that code.
func (d *double) refuse(command string, code uint) error {
	text := fmt.Sprintf(`{"cniVersion":"1.1.0","code":%d,"msg":"refused for the examination"}`, code)
	return os.WriteFile(filepath.Join(d.dir, command+".fail"), []byte(text), 0o644)
}

// hold makes the double wait at ADD until release is called.
func (d *double) hold() (release func() error, err error) {
	path := filepath.Join(d.dir, "hold")
	return func() error { return os.Remove(path) }, os.WriteFile(path, nil, 0o644)
}

// called returns the calls of all doubles since the last one was installed, in order.
func (d *double) called() ([]note, error) {
	log, err := os.ReadFile(filepath.Join(d.notes, "log"))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var notes []note
	for line := range strings.Lines(string(log)) {
		n, err := d.read(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("read what a double was called with: %w", err)
		}
		notes = append(notes, n)
	}
	return notes, nil
}

// read reads one line of the log: type, command and the process that the files are named after.
func (d *double) read(fields []string) (note, error) {
	if len(fields) != 3 {
		return note{}, fmt.Errorf("log line %q", fields)
	}
	n := note{typ: fields[0], command: fields[1], env: map[string]string{}}
	stdin, err := os.ReadFile(filepath.Join(d.notes, fields[2]+".conf"))
	if err != nil {
		return note{}, err
	}
	if n.config, err = decodeObject(stdin); err != nil {
		return note{}, err
	}
	vars, err := os.ReadFile(filepath.Join(d.notes, fields[2]+".env"))
	if err != nil {
		return note{}, err
	}
	for line := range strings.Lines(string(vars)) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			n.env[name] = value
		}
	}
	return n, nil
}

// await waits until a double has been called with a command.
func (d *double) await(command string, within time.Duration) (bool, error) {
	for deadline := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		notes, err := d.called()
		if err != nil || slices.ContainsFunc(notes, func(n note) bool { return n.command == command }) {
			return err == nil, err
		}
		if time.Now().After(deadline) {
			return false, nil
		}
	}
}

// commands are those of the notes, each with its double: "conformance-first ADD".
func commands(notes []note) string {
	var list []string
	for _, n := range notes {
		list = append(list, n.typ+" "+n.command)
	}
	return strings.Join(list, ", ")
}

// ipamDouble installs one that stands for the configuration's IPAM plugin: it gives everybody the addresses that an
// attachment just had. It is nil when the step has failed.
func (t *trial) ipamDouble(typ string) (*double, error) {
	a, err := t.attached()
	if a == nil {
		return nil, err
	}
	result := t.parse(a)
	t.mustDel(a, "DEL")
	if result == nil {
		return nil, nil
	}
	var old, now []string
	for _, ip := range result.IPs {
		family := "6"
		if ip.Address.IP.To4() != nil {
			family = "4"
		}
		text := fmt.Sprintf(`"address":%q`, ip.Address.String())
		if ip.Gateway != nil {
			text += fmt.Sprintf(`,"gateway":%q`, ip.Gateway)
		}
		old = append(old, fmt.Sprintf(`{"version":%q,%s}`, family, text))
		now = append(now, "{"+text+"}")
	}
	const answer = `{"cniVersion":"VERSION","ips":[%s]}`
	return t.suite.double(typ, map[string]string{
		"ADD.0": fmt.Sprintf(answer, strings.Join(old, ",")), "ADD.1": fmt.Sprintf(answer, strings.Join(now, ",")),
	})
}

// same says whether two values are the same JSON.
func same(a, b any) bool {
	one, err := json.Marshal(a)
	other, otherErr := json.Marshal(b)
	return err == nil && otherErr == nil && string(one) == string(other)
}
