package cluster

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestProcessEnds(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := newProcess("sleep", stageNode, cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !p.alive() {
		t.Error("a process that was just started is not alive")
	}
	// It is not reaped here: dead and not reaped counts as ended.
	if err := p.stop(10 * time.Second); err != nil || p.alive() {
		t.Errorf("stop: %v, alive %v", err, p.alive())
	}
	cmd.Wait()
	if err := p.kill(); err != nil {
		t.Errorf("kill of one that is gone: %v", err)
	}
}

func TestProcessOfAnotherStart(t *testing.T) {
	own, err := newProcess("test", "", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	stranger := own
	stranger.Started++
	if stranger.alive() {
		t.Error("a later process of the same number counts as the recorded one")
	}
	// Were it taken for the recorded one, this test would end here.
	if err := stranger.kill(); err != nil {
		t.Error(err)
	}
}
