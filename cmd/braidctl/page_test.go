package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/lab/labtest"
)

const page = "../../docs/user/cli.md"

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runnable are the commands that do something, in the order of the help.
func runnable(cmd *cobra.Command) (all []*cobra.Command) {
	if cmd.Runnable() {
		all = append(all, cmd)
	}
	for _, child := range cmd.Commands() {
		all = append(all, runnable(child)...)
	}
	return all
}

// flagRows are the lines of a table.
func flagRows(flags ...*pflag.FlagSet) string {
	var b strings.Builder
	for _, set := range flags {
		set.VisitAll(func(f *pflag.Flag) {
			name := "`--" + f.Name + "`"
			if f.Shorthand != "" {
				name = "`-" + f.Shorthand + "`, " + name
			}
			value := f.DefValue
			if value != "" && value != "[]" {
				value = "`" + value + "` "
			} else {
				value = ""
			}
			fmt.Fprintf(&b, "| %s | %s| %s |\n", name, value, f.Usage)
		})
	}
	if b.Len() == 0 {
		return ""
	}
	return "| flag | default | |\n|---|---|---|\n" + b.String() + "\n"
}

// section is what the page must say of a command; an example follows.
func section(cmd *cobra.Command) string {
	said := cmd.Long
	if said == "" {
		said = cmd.Short
	}
	inherited := pflag.NewFlagSet("", pflag.ContinueOnError)
	for parent := cmd.Parent(); parent.HasParent(); parent = parent.Parent() {
		inherited.AddFlagSet(parent.PersistentFlags())
	}
	usage := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	return fmt.Sprintf("## %s\n\n`%s`\n\n%s.\n\n%s", cmd.CommandPath(), usage, strings.TrimSuffix(said, "."),
		flagRows(cmd.LocalNonPersistentFlags(), inherited))
}

// The page has every command with its usage and its flags, and none that there is not.
func TestPageIsComplete(t *testing.T) {
	text, root := readPage(t), command("braidctl")
	want := []string{"## Flags of every command\n\n" + flagRows(root.PersistentFlags())}
	for _, cmd := range runnable(root) {
		want = append(want, section(cmd))
	}
	for _, part := range want {
		if !strings.Contains(unwrapped(text), unwrapped(part)) {
			t.Errorf("%s lacks:\n%s", page, part)
		}
	}
	if n := strings.Count(text, "\n## "); n != len(want) {
		t.Errorf("%s has %d sections, want %d", page, n, len(want))
	}
	if len(examples(text)) != len(want)-1 {
		t.Errorf("%s has the examples %q, want one for each of %d commands", page, examples(text), len(want)-1)
	}
}

// unwrapped is a text on one line: where lines of the page are broken does not matter.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// examples are the words after braidctl, by command.
func examples(text string) map[string][]string {
	all := map[string][]string{}
	example := regexp.MustCompile("(?m)^Example: `braidctl ([^`]+)`$")
	for _, section := range strings.Split(text, "\n## ") {
		name, rest, _ := strings.Cut(section, "\n")
		if found := example.FindStringSubmatch(rest); found != nil {
			all[name] = strings.Fields(found[1])
		}
	}
	return all
}

// Every example is run, in a laboratory. Only the doctor's is not: what it finds is the machine's.
func TestExamplesOfThePage(t *testing.T) {
	programs, all := labtest.Programs(t), examples(readPage(t))
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount("/run", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Chdir("../..")
	first, last := []string{"braidctl lab up"}, []string{"braidctl lab down", "braidctl lab demo"}
	between := []string{}
	for name := range all {
		if !slices.Contains(slices.Concat(first, last), name) && name != "braidctl doctor" {
			between = append(between, name)
		}
	}
	slices.Sort(between)
	for _, name := range slices.Concat(first, between, last) {
		if cmd, _, err := command("braidctl").Find(all[name]); err != nil || cmd.CommandPath() != name {
			t.Errorf("the example of %s is %q", name, all[name])
			continue
		}
		args := all[name]
		if strings.Contains(strings.Join(args, " "), "-f examples/") {
			args = append(args, "--programs", programs)
		}
		if out := must(t, args...); out == "" && name != "braidctl lab down" {
			t.Errorf("%s prints nothing", name)
		}
	}
}
