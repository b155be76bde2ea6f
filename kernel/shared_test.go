package kernel

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Views of one path are one while somebody has it open, and a new one afterwards.
func TestSharedNetns(t *testing.T) {
	var s sharedNetns
	opened, file := 0, (*os.File)(nil)
	open := func() (*linuxNetns, error) {
		opened++
		k := &linux{}
		var err error
		if file, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			t.Fatal(err)
		}
		return k.open(file, true, &k.nft)
	}
	var views []Netns
	for range 3 {
		v, err := s.open("/a", open)
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	if other, err := s.open("/b", open); err != nil || opened != 2 {
		t.Errorf("%d opened for two paths, %v", opened, err)
	} else {
		other.Close()
	}
	for _, i := range []int{0, 0, 1} { // closing again does nothing
		if err := views[i].Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := views[2].Links(); err != nil {
		t.Errorf("the last user's view is closed: %v", err)
	}
	if err := views[2].Close(); err != nil || len(s.views) != 0 {
		t.Errorf("%d views are open still, %v", len(s.views), err)
	}
	failure := errors.New("no such namespace")
	if _, err := s.open("/a", func() (*linuxNetns, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Errorf("error: %v", err)
	}
	if v, err := s.open("/a", open); err != nil || opened != 3 {
		t.Errorf("%d opened, want 3: %v", opened, err)
	} else {
		v.Close()
	}
}

// The process's own namespace is not opened anew by every call.
func TestHostIsKeptOpen(t *testing.T) {
	k := New(Options{}).(*linux)
	first, err := k.Host()
	if err != nil {
		t.Fatal(err)
	}
	fd := first.(*linuxNetns).fd()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := k.Host()
	if err != nil {
		t.Fatal(err)
	}
	if again.(*linuxNetns).fd() != fd {
		t.Error("Host opened the namespace again")
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		t.Errorf("the namespace is closed: %v", err)
	}
	if _, err := again.Links(); err != nil {
		t.Error(err)
	}
}
