package ipam

import (
	"reflect"
	"testing"
)

func TestParseArgs(t *testing.T) {
	tests := []struct {
		name, args, key string
		want            []string
	}{
		{"none", "", "IP", nil},
		{"one", "IP=10.0.0.1", "IP", []string{"10.0.0.1"}},
		{"list with space", "IP=10.0.0.1/24, 10.0.0.2/24", "IP", []string{"10.0.0.1/24", "10.0.0.2/24"}},
		{"unknown keys and pairs without a value", "K8S_POD_NAME=a;junk;;IP=10.0.0.1;IgnoreUnknown=1", "IP", []string{"10.0.0.1"}},
		{"equals sign in a value", "X=a=b", "X", []string{"a=b"}},
		{"last one counts", "IP=10.0.0.1;IP=10.0.0.2", "IP", []string{"10.0.0.2"}},
		{"empty value", "IP=", "IP", nil},
		{"case counts", "ip=10.0.0.1", "IP", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ParseArgs(tt.args).List(tt.key); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
