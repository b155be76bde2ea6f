package memo

import (
	"errors"
	"fmt"
	"testing"
)

func TestMemo(t *testing.T) {
	var memo Memo[int]
	wrong := errors.New("wrong")
	for i, tt := range []struct {
		config string
		made   int
		err    error
		want   int
	}{
		{"a", 1, nil, 1},
		{"a", 2, nil, 1},
		{"b", 3, wrong, 3},
		{"b", 4, nil, 4}, // a mistake is looked at again
		{"b", 5, wrong, 4},
		{"a", 6, nil, 1},
	} {
		got, err := memo.Of([]byte(tt.config), func() (int, error) { return tt.made, tt.err })
		if got != tt.want || (err != nil) != (got == tt.made && tt.err != nil) {
			t.Errorf("%d: got %d, %v", i, got, err)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	var memo Memo[int]
	for i := range 3 * size {
		if got, err := memo.Of(fmt.Append(nil, i), func() (int, error) { return i, nil }); got != i || err != nil {
			t.Fatalf("%d: got %d, %v", i, got, err)
		}
		if len(memo.made) > size {
			t.Fatalf("%d are remembered", len(memo.made))
		}
	}
}
