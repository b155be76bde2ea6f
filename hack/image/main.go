// Command image builds Braid's container image for each architecture, without a container engine: static programs, and
// nothing else. It is run in the checkout's root folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/braid-cni/braid/hack/image/archive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// Run builds the images that args ask for and says where they are.
func Run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	name := flags.String("name", "localhost/braid:dev", "name of the image, with registry and tag")
	dir := flags.String("o", "dist", "folder for the archives")
	architectures := flags.String("arch", "amd64,arm64", "architectures, with commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for architecture := range strings.SplitSeq(*architectures, ",") {
		file := filepath.Join(*dir, "braid-"+architecture+".tar")
		digest, err := image(ctx, *name, architecture, file)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s  %s  %s@%s\n", file, architecture, *name, digest)
	}
	return nil
}

func image(ctx context.Context, name, architecture, file string) (digest string, err error) {
	programs := filepath.Join(filepath.Dir(file), architecture)
	if err := os.MkdirAll(programs, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for the programs: %w", err)
	}
	if err := build(ctx, architecture, programs, "./cmd/..."); err != nil {
		return "", err
	}
	img := archive.Image{Name: name, Architecture: architecture, Entrypoint: []string{"/bin/braidd"}}
	for _, program := range []string{"braid", "braidctl", "braidd"} {
		img.Files = append(img.Files, archive.File{Path: "bin/" + program, From: filepath.Join(programs, program)})
	}
	return archive.Write(file, img)
}

// build makes static programs that name no folder of this machine.
func build(ctx context.Context, architecture, dir, packages string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=auto", "-ldflags=-s -w",
		"-ldflags=./cmd/braid=-s -w -E _braid_entry", "-o", dir+"/", packages)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture,
		// The version comes from git, whoever's checkout it is.
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs for %s: %w\n%s", architecture, err, out)
	}
	return nil
}
