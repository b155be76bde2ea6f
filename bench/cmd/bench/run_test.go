package main

import (
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
		{"too few", []string{"-n", "0"}, "-n 0 is out of range"},
		{"too many", []string{"-n", "10001"}, "out of range"},
		{"unknown flag", []string{"-x"}, "not defined"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.args)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestMake(t *testing.T) {
	o := &options{dir: t.TempDir(), subjects: "floor,reference,braid"}
	subjects, err := o.make(3)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range subjects {
		names = append(names, s.Name())
	}
	if got := strings.Join(names, ","); got != o.subjects {
		t.Errorf("got %s, want %s", got, o.subjects)
	}
	o.subjects = "floor,calico"
	if _, err := o.make(1); err == nil || !strings.Contains(err.Error(), `"calico" is none of`) {
		t.Errorf("error %v", err)
	}
}
