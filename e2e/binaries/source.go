package binaries

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/braid-cni/braid/e2e"

// source returns the folder of the e2e module in the checkout that the caller works in. The tool modules lie below
// it as files: they are modules of their own, so go:embed cannot reach them.
func source(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	out, err := output(cmd)
	if err != nil {
		return "", fmt.Errorf("find the e2e module (run this inside a Braid checkout): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// goCommand runs the go command in a module folder, outside any workspace: each tool module has its own versions.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	return output(cmd)
}

func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.Bytes())
	}
	return out, nil
}

// Checkout returns the root folder of the checkout that the caller works in.
func Checkout(ctx context.Context) (string, error) {
	src, err := source(ctx)
	return filepath.Dir(src), err
}

// Pause builds the program that holds a pod's namespaces into dir, as dir/pause.
func Pause(ctx context.Context, dir string) error {
	src, err := source(ctx)
	if err != nil {
		return err
	}
	return buildInto(ctx, src, dir, "./images/pause")
}

// Probe builds the program that watches the way between two pods into dir, as dir/probe.
func Probe(ctx context.Context, dir string) error {
	src, err := source(ctx)
	if err != nil {
		return err
	}
	return buildInto(ctx, src, dir, "./cmd/probe")
}

// buildInto builds programs of the checkout.
func buildInto(ctx context.Context, moduleDir, dir, pattern string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("build %s: %w", pattern, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", dir+"/", pattern)
	cmd.Dir = moduleDir
	// In the workspace, as the tests themselves are built.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := output(cmd); err != nil {
		return fmt.Errorf("build %s: %w", pattern, err)
	}
	return nil
}
