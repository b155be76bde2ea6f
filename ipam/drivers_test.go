package ipam

import (
	"errors"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

func TestDrivers(t *testing.T) {
	mine := &executed{typ: "mine"}
	tests := []struct {
		name   string
		policy Policy
		typ    string
		want   Driver
		code   uint
	}{
		{"prefer built-in", Prefer, "host-local", mine, 0},
		{"prefer binary", Prefer, "whereabouts", &executed{typ: "whereabouts"}, 0},
		{"only built-in", Only, "host-local", mine, 0},
		{"only refuses binary", Only, "whereabouts", nil, types.ErrInvalidNetworkConfig},
		{"never built-in", Never, "host-local", &executed{typ: "host-local"}, 0},
		{"empty", Prefer, "", nil, types.ErrInvalidNetworkConfig},
		{"path", Prefer, "../../bin/sh", nil, types.ErrInvalidNetworkConfig},
		{"backslash", Never, `a\b`, nil, types.ErrInvalidNetworkConfig},
		{"parent", Only, "..", nil, types.ErrInvalidNetworkConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewDrivers(tt.policy, map[string]Driver{"host-local": mine}, nil).Driver(tt.typ)
			var cni *types.Error
			if errors.As(err, &cni); (err != nil) != (tt.code != 0) || cni != nil && cni.Code != tt.code {
				t.Fatalf("error %v, want code %d", err, tt.code)
			}
			if tt.want == nil {
				return
			}
			if got, want := got.(*executed), tt.want.(*executed); *got != *want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestParsePolicy(t *testing.T) {
	for in, want := range map[string]Policy{"": Prefer, "prefer": Prefer, "only": Only, "never": Never, "always": ""} {
		got, err := ParsePolicy(in)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}
