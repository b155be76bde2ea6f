package docs

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// stopGrace is how long the commands may take to clean up when ctx ends.
const stopGrace = time.Minute

// Run types the commands of a block into a shell that ends with the first that fails. The command that it makes of the
// shell may be changed by start, which may be nil, before it runs. Where the page says what is printed, that is
// compared. The error has what was printed.
func (b Block) Run(ctx context.Context, start func(*exec.Cmd)) error {
	cmd := exec.CommandContext(ctx, "sh", "-euxc", strings.Join(b.Lines(), "\n"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, stopGrace
	if start != nil {
		start(cmd)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s%s", b, err, stdout.String(), stderr.String())
	}
	if err := Printed(b.Output, stdout.String()); err != nil {
		return fmt.Errorf("%s: %w", b, err)
	}
	return nil
}

// Printed compares what a page says that is printed with what was: each of its lines must be found, in their order.
// Spaces count as one, and "…" stands for anything.
func Printed(said, printed string) error {
	rest := strings.Split(printed, "\n")
	for line := range strings.Lines(said) {
		form := pattern(line)
		for len(rest) > 0 && !form.MatchString(strings.Join(strings.Fields(rest[0]), " ")) {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return fmt.Errorf("the page says that %q is printed; printed is:\n%s", strings.TrimSpace(line), printed)
		}
		rest = rest[1:]
	}
	return nil
}

func pattern(line string) *regexp.Regexp {
	parts := strings.Split(strings.Join(strings.Fields(line), " "), "…")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(strings.TrimSpace(part))
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
}
