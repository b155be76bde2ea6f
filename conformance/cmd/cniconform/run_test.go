package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nobody answers VERSION and nothing else.
const nobody = `#!/bin/sh
[ "$CNI_COMMAND" = VERSION ] || exit 1
echo '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}'
`

func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN) to make network namespaces")
	}
	dir := t.TempDir()
	conf, junit := filepath.Join(dir, "conf.json"), filepath.Join(dir, "junit.xml")
	for name, text := range map[string]string{"nobody": nobody, "conf.json": `{"name":"n","type":"nobody"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	common := []string{"-bin", dir, "-conf", conf, "-junit", junit, "-versions", "1.1.0", "-v"}
	if err := run(t.Context(), &out, io.Discard, append(common, "-steps", "1,17", "-skip", "17=not now")); err != nil {
		t.Errorf("%v: %s", err, out.String())
	}
	if !strings.Contains(out.String(), "1 steps pass, 0 fail, 1 do not apply") {
		t.Errorf("%s", out.String())
	}
	out.Reset()
	if err := run(t.Context(), &out, io.Discard, append(common, "-steps", "2")); !errors.Is(err, errFound) || !strings.Contains(out.String(), "CNI_COMMAND=STATUS") {
		t.Errorf("%v: %s", err, out.String())
	}
	if text, err := os.ReadFile(junit); err != nil || !strings.Contains(string(text), "<failure") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestMistakesInFlags(t *testing.T) {
	err := run(t.Context(), io.Discard, io.Discard, []string{"-conf", "/absent", "-steps", "x", "-skip", "y", "-capabilities", "z"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"/absent", "-steps", "-skip", "-capabilities"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if err := run(t.Context(), io.Discard, io.Discard, []string{"more"}); err == nil {
		t.Error("an argument is ignored")
	}
}
