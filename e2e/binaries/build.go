package binaries

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A build makes the missing programs of one component. Each is built aside and renamed into place when whole, so an
// interrupted build goes on where it stopped.
type build struct {
	component
	version string
	source  string
	dir     string
	total   int // programs of the component, those that are there already included
	out     io.Writer
	begun   time.Time
}

func (b build) run(ctx context.Context, pkgs []string) error {
	if len(pkgs) == 0 {
		return nil
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("build %s: %w", b.name, err)
	}
	aside, err := os.MkdirTemp(filepath.Dir(b.dir), filepath.Base(b.dir)+".building-")
	if err != nil {
		return fmt.Errorf("build %s: %w", b.name, err)
	}
	defer os.RemoveAll(aside)
	for i, pkg := range pkgs {
		if err := b.one(ctx, b.total-len(pkgs)+i+1, pkg, aside); err != nil {
			return err
		}
	}
	fmt.Fprintf(b.out, "built %s %s in %s: %s\n", b.name, b.version, b.elapsed(), b.dir)
	return nil
}

func (b build) one(ctx context.Context, number int, pkg, aside string) error {
	name := programName(pkg)
	stop := b.report(number, name)
	defer stop()
	file := filepath.Join(aside, name)
	args := []string{"build", "-tags", b.tags, "-ldflags", b.ldflags(b.version), "-o", file, pkg}
	if _, err := goCommand(ctx, b.folder(b.source), args...); err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	if err := os.Rename(file, filepath.Join(b.dir, name)); err != nil {
		return fmt.Errorf("install %s: %w", name, err)
	}
	return nil
}

// report says which program is being built, at once and then every half minute.
func (b build) report(number int, name string) (stop func()) {
	line := func() {
		fmt.Fprintf(b.out, "building %s %s: %d of %d, %s (elapsed %s; about %s the first time)\n",
			b.name, b.version, number, b.total, name, b.elapsed(), b.patient)
	}
	line()
	ticker := time.NewTicker(30 * time.Second)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				line()
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-ended
	}
}

func (b build) elapsed() time.Duration {
	return time.Since(b.begun).Round(time.Second)
}
