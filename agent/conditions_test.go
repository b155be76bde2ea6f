package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The Node says what keeps Braid from being used, and that nothing does any more.
func TestConditionFollowsTheFile(t *testing.T) {
	g := guard(t, map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, "", nil)
	g.synced.Store(true)
	says := func(start, part string) {
		t.Helper()
		eventually(t, start, func() bool {
			said := g.board.condition()
			return strings.HasPrefix(said, start) && strings.Contains(said, part)
		})
	}
	says("True ConflistInstalled: ", ourFile)
	g.swap(t, "timeout: never")
	says("False ConfigurationInvalid: ", `"never"`)
	g.swap(t, "")
	says("True ConflistInstalled: ", ourFile)
	g.swap(t, `host: {conflist: ""}`)
	says("True ConflistUnwanted: ", "another CNI's configuration")
	blocked := filepath.Join(g.Root, "/srv")
	put(t, blocked, "a file where a folder should be")
	g.swap(t, "clusterNetwork: /etc/cni/net.d\nhost: {confDir: /srv/net.d}")
	says("False ConflistNotWritten: ", "/srv")
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	says("True ConflistInstalled: ", "/srv/net.d/00-braid.conflist")
}

// What is refused is written later, and what does not change is written once.
func TestConditionIsWrittenUntilItLands(t *testing.T) {
	g := guard(t, map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, "", nil)
	g.board.mu.Lock()
	g.board.fails = []error{errors.New("refused"), errors.New("refused")}
	g.board.mu.Unlock()
	g.synced.Store(true)
	eventually(t, "said", func() bool { return strings.HasPrefix(g.board.condition(), "True") })
	for range 3 {
		if err := os.Remove(filepath.Join(g.Root, ourFile)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "healed", func() bool { return g.content(t) != "" })
	}
	g.board.mu.Lock()
	defer g.board.mu.Unlock()
	if len(g.board.said) != 1 {
		t.Errorf("said %+v", g.board.said)
	}
}
