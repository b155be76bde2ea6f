package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var errNoHistory = errors.New("no git history")

// mixedCommits are the commits that changed the record and another file: "hash subject". At the end of a history that is
// cut off, a commit seems to bring every file; such commits are left out.
func mixedCommits(ctx context.Context, dir string) (mixed []string, err error) {
	cut, err := cutOff(ctx, dir)
	if err != nil {
		return nil, err
	}
	log, err := git(ctx, dir, "log", "--no-merges", "--format=%H %s", "--", File)
	if err != nil {
		return nil, err
	}
	for commit := range strings.Lines(log) {
		hash, _, _ := strings.Cut(strings.TrimSpace(commit), " ")
		if slices.Contains(cut, hash) {
			continue
		}
		files, err := git(ctx, dir, "show", "--format=", "--name-only", hash)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(files) != File {
			mixed = append(mixed, strings.TrimSpace(commit))
		}
	}
	return mixed, nil
}

// cutOff are the commits whose parents are missing, in a shallow clone.
func cutOff(ctx context.Context, dir string) ([]string, error) {
	shallow, err := git(ctx, dir, "rev-parse", "--git-path", "shallow")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoHistory, err)
	}
	path := strings.TrimSpace(shallow)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read where the history is cut off: %w", err)
	}
	return strings.Fields(string(data)), nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	// The tests may run as another user than the checkout's.
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "safe.directory=*"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
