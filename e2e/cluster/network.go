package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// makeBridge makes the switch that all nodes hang on; the machine itself is their gateway.
func (c *Cluster) makeBridge(ctx context.Context) error {
	if err := c.state.willChange(change{Kind: madeLink, Name: bridgeName}); err != nil {
		return err
	}
	// An address of its own: a bridge without one takes that of a port, and changes it when ports come and go.
	return runIP(ctx,
		"link add "+bridgeName+" address 02:42:ac:1e:00:01 type bridge",
		"addr add "+hostIP+"/24 dev "+bridgeName,
		"addr add "+hostIP6+"/64 dev "+bridgeName+" nodad",
		"link set "+bridgeName+" up")
}

// plugIn connects a node's network namespace, held by a process, to the bridge.
func (c *Cluster) plugIn(ctx context.Context, node string, holder int) error {
	link := hostLink(node)
	if err := c.state.willChange(change{Kind: madeLink, Name: link}); err != nil {
		return err
	}
	return runIP(ctx,
		"link add "+link+" type veth peer name eth0 netns "+strconv.Itoa(holder),
		"link set "+link+" master "+bridgeName+" up")
}

func runIP(ctx context.Context, commands ...string) error {
	for _, command := range commands {
		if _, err := run(ctx, append([]string{"ip"}, strings.Fields(command)...)...); err != nil {
			return err
		}
	}
	return nil
}

// deleteLink deletes a link; that it is gone already, or goes meanwhile with its peer's namespace, is no error.
func deleteLink(ctx context.Context, name string) error {
	_, err := run(ctx, "ip", "link", "delete", "dev", name)
	if err == nil {
		return nil
	}
	if _, absent := run(ctx, "ip", "link", "show", "dev", name); absent != nil {
		return nil
	}
	return err
}

// run runs a command of the machine and returns its standard output.
func run(ctx context.Context, argv ...string) (string, error) {
	return runAs(ctx, argv, argv)
}

// runAs runs a command line that errors show as another: the one that somebody asked for.
func runAs(ctx context.Context, shown, argv []string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = plainEnv()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("run %q: %w\n%s", strings.Join(shown, " "), err, stderr.Bytes())
	}
	return stdout.String(), nil
}
