package store

import (
	"encoding/json"
	"errors"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func open(t *testing.T, path string, hook Hook) *Store {
	t.Helper()
	s, err := Open(path, hook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func container(id string) *Container {
	return &Container{
		ID: id, IfName: "eth0", Netns: "/run/netns/" + id, Pod: Pod{"default", "web", "u-1"},
		Intended: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		Attachments: []Attachment{{
			Network: "default/neta", IfName: "net1", Config: json.RawMessage(`{"name":"neta"}`),
			Capabilities: map[string]json.RawMessage{"mac": json.RawMessage(`"02:00:00:00:00:01"`)}, Args: [][2]string{{"IgnoreUnknown", "1"}},
			Path: []string{"/opt/cni/bin"}, Builtins: "prefer",
			DefaultRoutes: DefaultRoutes{Drop4: true, Gateways: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		}},
	}
}

func TestRecordSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "state.db")
	want := container("c1")
	s := open(t, path, nil)
	if err := s.Intend(want); err != nil {
		t.Fatal(err)
	}
	want.Attached, want.Status = true, "[]"
	want.Attachments[0].Result = json.RawMessage(`{"cniVersion":"1.1.0"}`)
	if err := s.Commit(want); err != nil {
		t.Fatal(err)
	}
	s.Close()
	got, err := open(t, path, nil).Container("c1/eth0")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestPublishedOnlyForTheSameStatus(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	c := container("c1")
	c.Status = "new"
	if err := s.Commit(c); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		key, status string
		want        bool
	}{{"c1/eth0", "old", false}, {"c1/eth0", "new", true}, {"gone/eth0", "new", false}} {
		if err := s.Published(step.key, step.status); err != nil {
			t.Fatal(err)
		}
		got, err := s.Container(step.key)
		if err != nil {
			t.Fatal(err)
		}
		if published := got != nil && got.Published; published != step.want {
			t.Errorf("Published(%q, %q): published is %v, want %v", step.key, step.status, published, step.want)
		}
	}
}

func TestForgetIsIdempotent(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	if err := s.Intend(container("c1")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Forget("c1/eth0"); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := s.Container("c1/eth0"); c != nil || err != nil {
		t.Errorf("after Forget: %+v, %v", c, err)
	}
}

// A broken record must not hide the others: GC and the start-up work on what can be read.
func TestContainersReportsBrokenRecordsBesideTheOthers(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	for _, id := range []string{"c2", "c1"} {
		if err := s.Intend(container(id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.commit("test", "bad", func([]byte) ([]byte, bool, error) { return []byte("{"), true, nil }); err != nil {
		t.Fatal(err)
	}
	all, err := s.Containers()
	if err == nil {
		t.Error("no error for the broken record")
	}
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	if !slices.Equal(ids, []string{"c1", "c2"}) {
		t.Errorf("got %v", ids)
	}
}

func TestHookStandsAroundEachCommit(t *testing.T) {
	var points []string
	s := open(t, filepath.Join(t.TempDir(), "state.db"), func(p string) { points = append(points, p) })
	c := container("c1")
	for _, err := range []error{s.Intend(c), s.Commit(c), s.Published("c1/eth0", ""), s.Forget("c1/eth0")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"intend:before", "intend:after", "commit:before", "commit:after",
		"published:before", "published:after", "forget:before", "forget:after"}
	if !slices.Equal(points, want) {
		t.Errorf("got %v\nwant %v", points, want)
	}
}

func TestNewerStoreIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, nil)
	err := s.state.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(metaBucket)).Put([]byte(schemaKey), []byte(strconv.Itoa(Schema+1)))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(path, nil); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
}
