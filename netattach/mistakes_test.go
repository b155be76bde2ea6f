package netattach

import (
	"errors"
	"strings"
	"testing"
)

func TestMistakes(t *testing.T) {
	many := make(Mistakes, 25)
	for i := range many {
		many[i] = errors.New("x")
	}
	for _, test := range []struct {
		name string
		in   Mistakes
		want string
	}{
		{"one", many[:1], "x"},
		{"two", many[:2], "2 mistakes; (1) x; (2) x"},
		{"too many to read", many, "25 mistakes" + func() (all string) {
			for _, n := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20") {
				all += "; (" + n + ") x"
			}
			return all
		}() + "; and 5 more"},
	} {
		t.Run(test.name, func(t *testing.T) { checkText(t, test.in.Error(), test.want) })
	}
}

// What a person wrote must neither flood nor rewrite a terminal.
func TestMistakesAreSafeToShow(t *testing.T) {
	long := strings.Repeat("x", 10000)
	for _, evil := range []string{"\x1b[31m", "\u202e", "\x07\n", long, `"]`} {
		for _, annotation := range []string{evil, `[{"name":"` + evil + `"}]`, `[{"` + evil + `":1}]`, `[{"name":"a","interface":"` + evil + `","ips":["` + evil + `"]}]`} {
			_, err := ParseNetworks(annotation, "ns")
			if err == nil {
				t.Errorf("%q is accepted", annotation)
				continue
			}
			if strings.ContainsAny(err.Error(), "\x1b\u202e\x07\n") || len(err.Error()) > 2000 {
				t.Errorf("error is not safe to show: %q", err)
			}
		}
	}
}

func TestMistakesAreBounded(t *testing.T) {
	_, err := ParseNetworks(`[{"name":"a",`+strings.Repeat(`"x":1,`, 3)+strings.TrimSuffix(manyKeys(20000), ",")+`}]`, "ns")
	var all Mistakes
	if !errors.As(err, &all) || len(all) != maxKept {
		t.Errorf("have %d mistakes, want %d", len(all), maxKept)
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"k` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + `":1,`)
	}
	return b.String()
}

func TestRepeatedKeys(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"none", `{"a":{"a":1},"b":["a","a"],"c":"a"}`, ""},
		{"at the top", `{"a":1,"b":2,"a":3}`, "a"},
		{"inside", `[{"x":[{"a":1,"a":{"b":1,"b":2}}]},{"x":1}]`, "a b"},
		{"after an inner object", `{"a":{},"b":[],"a":1,"b":2}`, "a b"},
		{"no object", `"a"`, ""},
	} {
		t.Run(test.name, func(t *testing.T) { checkText(t, strings.Join(repeatedKeys([]byte(test.in)), " "), test.want) })
	}
}
