package lab

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/braid-cni/braid/lab/labtest"
)

// A folder that the machine does not have is covered without being made, and what is beside it stays in sight.
func TestCoverMakesNothingOnTheMachine(t *testing.T) {
	labtest.Programs(t)
	dir := t.TempDir()
	own, parent := filepath.Join(dir, "own"), filepath.Join(dir, "lib")
	for path, content := range map[string]string{
		filepath.Join(own, "ours"): "ours", filepath.Join(parent, "file"): "file", filepath.Join(parent, "sub", "deep"): "deep",
		filepath.Join(parent, "there", "theirs"): "theirs",
	} {
		if err := writeFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("file", filepath.Join(parent, "link")); err != nil {
		t.Fatal(err)
	}
	missing, there := filepath.Join(parent, "a", "b"), filepath.Join(parent, "there")
	inside := map[string]string{
		filepath.Join(missing, "ours"): "ours", filepath.Join(there, "ours"): "ours", filepath.Join(there, "theirs"): "",
		filepath.Join(parent, "file"): "file", filepath.Join(parent, "link"): "file", filepath.Join(parent, "sub", "deep"): "deep",
	}
	err := onThread(func() error {
		if err := privateMounts(map[string]string{missing: own, there: own}); err != nil {
			return err
		}
		return differences(inside)
	})
	if err != nil {
		t.Error(err)
	}
	if err := differences(map[string]string{filepath.Join(missing, "ours"): "", filepath.Join(there, "theirs"): "theirs"}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(missing)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

// differences reads files; one that is to be absent has no content.
func differences(want map[string]string) error {
	var found []error
	for path, content := range want {
		got, err := os.ReadFile(path)
		if string(got) != content || (err != nil) != (content == "") {
			found = append(found, errors.Join(errors.New(path+": "+string(got)), err))
		}
	}
	return errors.Join(found...)
}
