package main

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/braid-cni/braid/cmd/braid/doortest"
)

func TestDoorOfTheImageIsEarly(t *testing.T) {
	dir := t.TempDir()
	t.Chdir("../..")
	if err := build(t.Context(), runtime.GOARCH, dir, "./cmd/braid"); err != nil {
		t.Fatal(err)
	}
	if !doortest.Early(t, filepath.Join(dir, "braid"), "ADD") {
		t.Error("the door begins with the Go runtime: its build lacks -E _braid_entry")
	}
}
