package delegate

import "testing"

// What a plugin declares is for the runtime; the rest reaches it as it was written.
func TestCapabilitiesStayWithTheRuntime(t *testing.T) {
	for in, want := range map[string]string{
		`{"type":"x", "n":12345678901234567}`:                                `{"type":"x", "n":12345678901234567}`,
		`{"capabilities":{"ips":true},"n":12345678901234567,"type":"x"}`:     `{"n":12345678901234567,"type":"x"}`,
		`{"args":{"capabilities":1},"type":"x"}`:                             `{"args":{"capabilities":1},"type":"x"}`,
		`{"runtimeConfig":{"ips":["10.0.0.1"]},"capabilities":{"ips":true}}`: `{"runtimeConfig":{"ips":["10.0.0.1"]}}`,
	} {
		if got, err := withoutCapabilities([]byte(in)); err != nil || string(got) != want {
			t.Errorf("%s became %s, %v", in, got, err)
		}
	}
	if _, err := withoutCapabilities([]byte(`"capabilities"`)); err == nil {
		t.Error("what is no object is sent on")
	}
}
