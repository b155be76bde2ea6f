package netattach

import (
	"strings"
	"testing"
)

// What the author of a NAD writes by mistake or on purpose that would harm more than the pods that use it.
func TestHarmfulConfigurations(t *testing.T) {
	long := func(size int) string {
		const start, end = `{"cniVersion":"1.1.0","type":"bridge","x":"`, `"}`
		return start + strings.Repeat("x", size-len(start)-len(end)) + end
	}
	for _, test := range []struct {
		name, nad string
		mistakes  []string
	}{
		{name: "largest", nad: long(maxSpecConfig)},
		{name: "too large", nad: long(maxSpecConfig + 1),
			mistakes: []string{`NetworkAttachmentDefinition "ns/a": spec.config: has 65537 bytes: at most 65536 are read`}},
		{name: "lines and tabs between values", nad: "{\n\t\"cniVersion\": \"1.1.0\",\r\n\t\"type\": \"bridge\"\n}"},
		{name: "what is not ASCII and can be printed", nad: `{"cniVersion":"1.1.0","type":"bridge","x":"Straße 網"}`},
		{name: "escape in a value", nad: `{"cniVersion":"1.1.0","type":"bridge","dns":{"domain":"\u001b[31m"}}`, mistakes: []string{
			`spec.config: "\x1b[31m" has characters that cannot be printed: remove them`}},
		{name: "escapes in keys", nad: `{"cniVersion":"1.1.0","type":"bridge","x":[{"\u009b":1,"a\nb":2}]}`, mistakes: []string{`"\u009b" has`, `"a\nb" has`}},
		{name: "version that does not exist", nad: `{"cniVersion":"9.9.9","type":"bridge"}`, mistakes: []string{
			`spec.config: cniVersion "9.9.9" is not supported: write one of 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0`}},
		{name: "version that is none", nad: `{"cniVersion":"x","plugins":[{"type":"bridge"}]}`, mistakes: []string{`cniVersion "x" is not supported`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewPlan(scene{config: main, networks: "a", nads: map[string]string{"ns/a": test.nad}}.input(t))
			checkMistakes(t, err, test.mistakes)
		})
	}
}
