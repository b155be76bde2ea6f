package braid

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// early is what the door is linked with, and ofDoor is how it is named to be built.
const early = "-E _braid_entry"

func ofDoor() *regexp.Regexp { return regexp.MustCompile(`cmd/(braid|\.\.\.)["\s]`) }

// A door that is built without it works as well, but starts as slowly as any Go program.
func TestEveryBuildOfTheDoorIsEarly(t *testing.T) {
	t.Run("make", func(t *testing.T) {
		commands, err := exec.Command("make", "-n", "build", "demo").Output()
		if err != nil {
			t.Fatalf("list the commands of the Makefile: %v", err)
		}
		builds := 0
		for command := range strings.Lines(string(commands)) {
			if strings.Contains(command, "go build ") && ofDoor().MatchString(command) {
				builds++
				wantEarly(t, command, []byte(command))
			}
		}
		if builds != 2 {
			t.Errorf("%d builds of the door in the Makefile, want 2", builds)
		}
	})
	t.Run("go", func(t *testing.T) {
		for file, source := range builders(t) {
			wantEarly(t, file, source)
		}
	})
}

func wantEarly(t *testing.T, what string, text []byte) {
	t.Helper()
	if !bytes.Contains(text, []byte(early)) {
		t.Errorf("%s builds the door without %s: see cmd/braid/early.go", strings.TrimSpace(what), early)
	}
}

// builders are the Go files that build the door.
func builders(t *testing.T) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		if bytes.Contains(source, []byte(`"build"`)) && ofDoor().Match(source) {
			found[path] = source
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Errorf("only %d files build the door", len(found))
	}
	return found
}
