package ipam

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

func TestWithCode(t *testing.T) {
	cause := fmt.Errorf("open it: %w", fs.ErrNotExist)
	tests := []struct {
		name string
		err  error
		code uint
	}{
		{"plain", WithCode(5, cause), 5},
		{"the first code stays", WithCode(5, fmt.Errorf("outer: %w", Errorf(11, "inner: %w", cause))), 11},
		{"wrapped", fmt.Errorf("outer: %w", WithCode(50, cause)), 50},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got *types.Error
			if !errors.As(tt.err, &got) || got.Code != tt.code {
				t.Errorf("got %+v, want code %d", got, tt.code)
			}
			if !errors.Is(tt.err, fs.ErrNotExist) {
				t.Errorf("%v lost its cause", tt.err)
			}
		})
	}
	if err := WithCode(5, nil); err != nil {
		t.Errorf("WithCode(nil) = %v", err)
	}
}

func TestMistakesDecode(t *testing.T) {
	type inner struct {
		Gateway string `json:"gateway"`
	}
	tests := []struct {
		name, data, want string
	}{
		{"right", `{"gateway":"a","subnet":"b"}`, ""},
		{"any case, as encoding/json", `{"GateWay":"a","Subnet":"b"}`, ""},
		{"unknown keys in order", `{"zeta":1,"alpha":"x"}`,
			`x: ipam.alpha: "\"x\"" stands in a field that does not exist: remove it or mend its name; ` +
				`ipam.zeta: "1" stands in a field that does not exist: remove it or mend its name`},
		{"wrong type", `{"subnet":5}`, `x: ipam.subnet: "number" has the wrong type: write a string`},
		{"no object", `[]`, `x: ipam: "array" has the wrong type: write an object`},
	}
	type outer struct {
		inner
		Subnet string `json:"subnet"`
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m Mistakes
			m.Decode("ipam", []byte(tt.data), new(outer))
			if got := fmt.Sprint(m.Err("x")); got != tt.want && !(tt.want == "" && m.Len() == 0) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestMistakesRoutes(t *testing.T) {
	var m Mistakes
	got := m.Routes("r", []json.RawMessage{[]byte(`{"dst":"10.0.0.0/8","mtu":1400,"table":7}`), []byte(`{"dst":"x"}`)})
	if len(got) != 1 || got[0].MTU != 1400 || *got[0].Table != 7 {
		t.Errorf("got %v", got)
	}
	if want := `x: r[1]: "{\"dst\":\"x\"}" is no route: invalid CIDR address: x`; fmt.Sprint(m.Err("x")) != want {
		t.Errorf("got %v, want %s", m.Err("x"), want)
	}
}
