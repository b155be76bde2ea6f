package netattach

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// checkMistakes compares an error with the pieces of text that its mistakes must have, one a mistake, in order.
func checkMistakes(t *testing.T, err error, want []string) {
	t.Helper()
	var got Mistakes
	if err != nil && !errors.As(err, &got) {
		got = Mistakes{err}
	}
	if len(got) != len(want) {
		t.Errorf("have %d mistakes, want %d:\n%s", len(got), len(want), strings.Join(texts(got), "\n"))
		return
	}
	for i, piece := range want {
		if !strings.Contains(got[i].Error(), piece) {
			t.Errorf("mistake %d is\n%v\nwhich lacks\n%s", i+1, got[i], piece)
		}
	}
}

func texts(m Mistakes) (all []string) {
	for _, err := range m {
		all = append(all, err.Error())
	}
	return all
}

func checkText(t *testing.T, got, want string) {
	t.Helper()
	if got = strings.TrimSpace(got); got != strings.TrimSpace(want) {
		t.Errorf("have\n%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

func keysOf(text string) (keys []Key) {
	for word := range strings.FieldsSeq(text) {
		namespace, name, _ := strings.Cut(word, "/")
		keys = append(keys, Key{namespace, name})
	}
	return slices.Clip(keys)
}

// checkPieces compares lines with the pieces of text that they must have, in order.
func checkPieces(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("have %q, want pieces %q", got, want)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("line %d is %q, which lacks %q", i+1, got[i], want[i])
		}
	}
}
