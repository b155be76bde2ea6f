// Package packages brings the programs that the test cluster takes from the distribution.
package packages

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

var errDynamic = errors.New("is not statically linked")

// A need is a program and the Debian package that has it.
type need struct {
	program, pkg string
	static       bool // it runs in an image without libraries
}

func needs() []need {
	return []need{
		{program: "runc", pkg: "runc"},
		{program: "busybox", pkg: "busybox-static", static: true},
		{program: "ip", pkg: "iproute2"},
		{program: "nft", pkg: "nftables"},
	}
}

// Ensure installs what is missing with apt-get, and says so on out.
func Ensure(ctx context.Context, out io.Writer) error {
	missing := missing()
	if len(missing) == 0 {
		return nil
	}
	names := strings.Join(missing, " ")
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("install %s: no apt-get here: install the programs of these Debian packages by hand", names)
	}
	fmt.Fprintf(out, "installing Debian packages: %s\n", names)
	if err := run(ctx, apt, "update", "-qq"); err != nil {
		return fmt.Errorf("install %s: %w", names, err)
	}
	install := append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)
	if err := run(ctx, apt, install...); err != nil {
		return fmt.Errorf("install %s: %w", names, err)
	}
	return nil
}

func missing() []string {
	var pkgs []string
	for _, n := range needs() {
		if n.check() != nil {
			pkgs = append(pkgs, n.pkg)
		}
	}
	return pkgs
}

func (n need) check() error {
	path, err := exec.LookPath(n.program)
	if err != nil || !n.static {
		return err
	}
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s %w", path, errDynamic)
		}
	}
	return nil
}

func run(ctx context.Context, apt string, args ...string) error {
	// The lock is waited for: another apt-get, or the machine's own upgrade, may hold it.
	cmd := exec.CommandContext(ctx, apt, append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
	}
	return nil
}
