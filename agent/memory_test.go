package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// confFiles are the names in the host's folders of CNI configurations.
func confFiles(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	for _, dir := range []string{"/etc/cni/net.d", "/srv/net.d"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names
}

// What an agent wrote elsewhere is removed by the next one, unless it is not that file any more.
func TestFileIsMovedWhileNoAgentRuns(t *testing.T) {
	const other = "/etc/cni/net.d/10-other.conflist"
	tests := []struct {
		name, config string
		meanwhile    func(t *testing.T, g *guarded)
		want         []string
	}{
		{name: "same place", want: []string{ourFile, other}},
		{name: "another name", config: "host: {conflist: 05-braid.conflist}", want: []string{"/etc/cni/net.d/05-braid.conflist", other}},
		{
			name: "another folder", config: "clusterNetwork: /etc/cni/net.d\nhost: {confDir: /srv/net.d}",
			want: []string{other, "/srv/net.d/00-braid.conflist"},
		},
		{name: "no file any more", config: `host: {conflist: ""}`, want: []string{other}},
		{
			name: "somebody has changed it", config: "host: {conflist: 05-braid.conflist}",
			meanwhile: func(t *testing.T, g *guarded) { put(t, filepath.Join(g.Root, ourFile), otherConf) },
			want:      []string{ourFile, "/etc/cni/net.d/05-braid.conflist", other},
		},
		{
			name: "removed already", config: "host: {conflist: 05-braid.conflist}",
			meanwhile: func(t *testing.T, g *guarded) {
				if err := os.Remove(filepath.Join(g.Root, ourFile)); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{"/etc/cni/net.d/05-braid.conflist", other},
		},
		{
			name: "its memory is broken", config: "host: {conflist: 05-braid.conflist}",
			meanwhile: func(t *testing.T, g *guarded) { put(t, filepath.Join(g.State, memoryName), "[") },
			want:      []string{ourFile, "/etc/cni/net.d/05-braid.conflist", other},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := guard(t, map[string]string{other: otherConf}, "", nil)
			g.synced.Store(true)
			eventually(t, "installed", func() bool { return g.Ready() == nil })
			g.restart(t, func() {
				if tt.meanwhile != nil {
					tt.meanwhile(t, g)
				}
				g.swap(t, tt.config)
			})
			want := slices.Sorted(slices.Values(tt.want))
			if got := slices.Sorted(slices.Values(confFiles(t, g.Root))); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// An agent that is uninstalled before it could serve removes what the one before it wrote, wherever that is.
func TestFileOfAnotherPlaceIsRemovedOnLeaving(t *testing.T) {
	g := guard(t, map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, "", nil)
	g.synced.Store(true)
	eventually(t, "installed", func() bool { return g.Ready() == nil })
	g.stop()
	g.swap(t, "host: {conflist: 05-braid.conflist}")
	next := &ConfList{File: g.File, Root: g.Root, Installation: verdict(true), State: g.State, Log: g.Log, Synced: func() bool { return false }}
	memory, err := recall(next.State)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.leave(t.Context(), &keeper{root: next.Root, log: next.Log, memory: memory}); err != nil {
		t.Fatal(err)
	}
	if got := confFiles(t, g.Root); strings.Join(got, " ") != "/etc/cni/net.d/10-other.conflist" {
		t.Errorf("left %q", got)
	}
}
