package apiserver

import (
	"maps"
	"strings"
	"testing"
)

func TestRequests(t *testing.T) {
	log := `{"verb":"patch","userAgent":"braidd/v1","objectRef":{"resource":"pods","subresource":"status"}}
{"verb":"patch","userAgent":"braidd/v1","objectRef":{"resource":"pods","subresource":"status"}}
{"verb":"create","userAgent":"bench","objectRef":{"resource":"pods"}}
{"verb":"get","userAgent":"braidd/v1","objectRef":{"resource":"pods"}}
{"verb":"get","userAgent":"braidd/v1"`
	got, err := requests(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"patch pods/status": 2, "get pods": 1}; !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	if _, err := requests(strings.NewReader("no JSON\n")); err == nil {
		t.Error("a broken line was taken")
	}
}
