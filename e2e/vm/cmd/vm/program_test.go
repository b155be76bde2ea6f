package main

import (
	"path/filepath"
	"testing"
	"time"
)

func TestLimitOf(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want time.Duration
		ok   bool
	}{
		{"none", []string{"-test.v"}, defaultLimit, true},
		{"last wins", []string{"-test.timeout=1m", "-test.timeout=3m0s"}, 3 * time.Minute, true},
		{"no limit", []string{"-test.timeout=0"}, 0, false},
		{"nonsense", []string{"-test.timeout=soon"}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := limitOf(tt.args)
			if (err == nil) != tt.ok || got != tt.want {
				t.Errorf("limitOf(%v) = %s, %v", tt.args, got, err)
			}
		})
	}
}

func TestProgramOf(t *testing.T) {
	p, err := programOf([]string{"sh", "-c", "true"})
	if err != nil || !filepath.IsAbs(p.Path) || filepath.Base(p.Path) != "sh" || len(p.Args) != 2 {
		t.Errorf("sh became %+v, %v", p, err)
	}
	for _, args := range [][]string{nil, {"./absent"}, {"braid-absent"}} {
		if _, err := programOf(args); err == nil {
			t.Errorf("%q was taken for a program", args)
		}
	}
}
