package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"defaults", nil, ""},
		{"sections", []string{"-only", "latency,once", "-percent", "5", "-api=false"}, ""},
		{"too few", []string{"-percent", "0"}, "-percent 0 is out of range"},
		{"too many", []string{"-percent", "1001"}, "out of range"},
		{"unknown flag", []string{"-x"}, "not defined"},
		{"unknown section", []string{"-only", "latency,tea"}, `"tea" is none of latency,`},
		{"unknown subcommand", []string{"door"}, "the only subcommand is gate"},
		{"gate", []string{"gate", "-record"}, ""},
		{"unknown flag of gate", []string{"gate", "-percent", "3"}, "not defined"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args, new(bytes.Buffer))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseReads(t *testing.T) {
	o, err := parse([]string{"-only", "latency,once", "-api=false", "-o", "x"}, new(bytes.Buffer))
	if err != nil || len(o.sections) != 2 || o.api || o.out != "x" || o.percent != 100 || o.gate {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parse([]string{"gate", "-record"}, new(bytes.Buffer)); err != nil || !o.gate || !o.record {
		t.Errorf("%+v, %v", o, err)
	}
}
