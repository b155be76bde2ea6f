package bench

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/braid-cni/braid/bench/report"
)

// A Program is one that is executed as a runtime does, to see what its start takes. It must succeed.
type Program struct {
	Subject string
	Path    string
	Stdin   string
	Env     []string
}

// Starts measures how long programs take from exec to exit, in turn.
func Starts(ctx context.Context, section, of, what string, rounds int, programs ...Program) ([]report.Measurement, error) {
	all := make([]report.Measurement, len(programs))
	for i, p := range programs {
		all[i] = report.Measurement{Section: section, Case: of, What: what, Subject: p.Subject, Unit: "ms"}
	}
	for round := range rounds {
		for _, i := range order(round, len(programs)) {
			began := time.Now()
			if err := programs[i].run(ctx); err != nil {
				return nil, err
			}
			all[i].Time(time.Since(began))
		}
	}
	return all, nil
}

func (p Program) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, p.Path)
	cmd.Stdin, cmd.Env = strings.NewReader(p.Stdin), p.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("execute %s: %w: %s", p.Path, err, out)
	}
	return nil
}

// CNIVersion is the program in bin, asked for the versions of CNI that it knows: it answers by itself.
func CNIVersion(subject, path string) Program {
	return Program{Subject: subject, Path: path, Stdin: `{"cniVersion":"1.1.0"}`, Env: []string{"CNI_COMMAND=VERSION"}}
}
