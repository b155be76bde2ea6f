package store

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// FuzzRecord: bytes that stand where a record should are an error, or the record of that very key; they hide no other
// record; and a record that can be read at all is kept whole by a store.
func FuzzRecord(f *testing.F) {
	whole := container("c1")
	whole.Attached, whole.Status, whole.Published = true, `[{"name":"a"}]`, true
	whole.Chained = &Attachment{Network: "other", Result: json.RawMessage(`{"ips":[]}`)}
	seed, err := json.Marshal(whole)
	if err != nil {
		f.Fatal(err)
	}
	for _, raw := range [][]byte{seed, []byte(`{"id":"c1","ifName":"eth0"}`), []byte(`{"id":"c2","attachments":[null,{}]}`), []byte("null"), []byte("{}"), nil} {
		f.Add(raw)
	}
	s, err := Open(filepath.Join(f.TempDir(), "state.db"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkForeign(t, s, raw)
		c := new(Container)
		if json.Unmarshal(raw, c) == nil {
			checkKept(t, s, c)
		}
	})
}

// checkForeign puts raw in the place of a record, between two others.
func checkForeign(t *testing.T, s *Store, raw []byte) {
	t.Helper()
	const key = "c1/eth0"
	must(t, s.Intend(container("c0")), s.Intend(container("c2")))
	must(t, s.commit("test", key, func([]byte) ([]byte, bool, error) { return append([]byte{}, raw...), true, nil }))
	c, err := s.Container(key)
	if (c == nil) == (err == nil) || c != nil && c.Key() != key {
		t.Errorf("%q is read as %+v, %v", raw, c, err)
	}
	want := "c0/eth0 c1/eth0 c2/eth0 "
	if err != nil {
		want = "c0/eth0 c2/eth0 "
	}
	all, allErr := s.Containers()
	if got := keys(all); got != want || (err == nil) != (allErr == nil) {
		t.Errorf("beside %q: %s, %v", raw, got, allErr)
	}
	if publishErr := s.Published(key, "[]"); (publishErr == nil) != (err == nil) {
		t.Errorf("published: %v, read: %v", publishErr, err)
	}
	must(t, s.Forget(key))
	if all, err := s.Containers(); keys(all) != "c0/eth0 c2/eth0 " || err != nil {
		t.Errorf("after %q is forgotten: %s, %v", raw, keys(all), err)
	}
	must(t, s.Forget("c0/eth0"), s.Forget("c2/eth0"))
}

// checkKept compares as JSON: an absent configuration and null are the same to all who read one.
func checkKept(t *testing.T, s *Store, c *Container) {
	t.Helper()
	if len(c.Key()) > bbolt.MaxKeySize {
		if s.Intend(c) == nil {
			t.Error("a key that no store can have is taken")
		}
		return
	}
	before, err := json.Marshal(c)
	must(t, err, s.Commit(c))
	got, err := s.Container(c.Key())
	must(t, err)
	if after, err := json.Marshal(got); err != nil || !bytes.Equal(after, before) {
		t.Errorf("%s became %s, %v", before, after, err)
	}
	must(t, s.Forget(c.Key()))
	if all, err := s.Containers(); len(all) > 0 || err != nil {
		t.Errorf("left: %s, %v", keys(all), err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func keys(all []*Container) (text string) {
	for _, c := range all {
		text += c.Key() + " "
	}
	return text
}
