package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/store"
)

// A notice board is a view that takes statuses when it is told to.
type noticeBoard struct {
	cluster.View

	mu     sync.Mutex
	synced bool
	fails  []error // of the next calls
	posted []string
	said   []cluster.Condition
}

func (b *noticeBoard) PublishCondition(_ context.Context, c cluster.Condition) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fails) > 0 {
		err := b.fails[0]
		b.fails = b.fails[1:]
		return err
	}
	b.said = append(b.said, c)
	return nil
}

// condition is the last one that was written.
func (b *noticeBoard) condition() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.said) == 0 {
		return "none"
	}
	c := b.said[len(b.said)-1]
	return fmt.Sprintf("%s %s: %s", map[bool]string{true: "True", false: "False"}[c.Met], c.Reason, c.Message)
}

func (b *noticeBoard) Synced() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.synced
}

func (b *noticeBoard) PublishStatus(_ context.Context, pod cluster.PodRef, status string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fails) > 0 {
		err := b.fails[0]
		b.fails = b.fails[1:]
		return err
	}
	b.posted = append(b.posted, pod.Name+" "+status)
	return nil
}

func (b *noticeBoard) seen() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.posted, ", ")
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestReadyzSaysWhyNot(t *testing.T) {
	board := &noticeBoard{}
	a := &Agent{View: board}
	server := httptest.NewServer((&Health{Metrics: NewMetrics(), Ready: a.Ready}).mux())
	defer server.Close()
	if code, body := fetch(t, server.URL+"/readyz"); code != 503 || !strings.Contains(body, "API server") {
		t.Errorf("not synced: %d %s", code, body)
	}
	if code, _ := fetch(t, server.URL+"/healthz"); code != 200 {
		t.Errorf("healthz: %d", code)
	}
	board.mu.Lock()
	board.synced = true
	board.mu.Unlock()
	if code, body := fetch(t, server.URL+"/readyz"); code != 200 {
		t.Errorf("synced: %d %s", code, body)
	}
	a.ConfList = &ConfList{looked: true, reason: errors.New("no room")}
	if code, body := fetch(t, server.URL+"/readyz"); code != 503 || !strings.Contains(body, "no room") {
		t.Errorf("with a reason: %d %s", code, body)
	}
}

func TestMetricsCount(t *testing.T) {
	m := NewMetrics()
	m.call("ADD", nil, time.Millisecond)
	m.call("ADD", errors.New("x"), time.Millisecond)
	m.Attachment("ADD", "default/neta", "bridge", nil, time.Millisecond)
	server := httptest.NewServer((&Health{Metrics: m, Ready: (&Agent{View: &noticeBoard{}}).Ready}).mux())
	defer server.Close()
	_, body := fetch(t, server.URL+"/metrics")
	for _, line := range []string{
		`braid_cni_call_seconds_count{code="0",command="ADD"} 1`,
		`braid_cni_call_seconds_count{code="100",command="ADD"} 1`,
		`braid_attachment_seconds_count{command="ADD",network="default/neta",plugin="bridge",result="success"} 1`,
		"braid_collected_total 0", "process_resident_memory_bytes", "go_goroutines",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

// A status is published from the store after a restart, tried again while the API server refuses, and given up when the
// pod is gone.
func TestPublisherTriesUntilItLands(t *testing.T) {
	state, err := store.Open(filepath.Join(t.TempDir(), "braid.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	for _, name := range []string{"left", "new"} {
		c := &store.Container{ID: name, IfName: "eth0", Pod: store.Pod{Namespace: "default", Name: name, UID: "u"}, Attached: true, Status: "[]"}
		if err := state.Commit(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.Published("new/eth0", "[]"); err != nil {
		t.Fatal(err)
	}
	board := &noticeBoard{fails: []error{errors.New("refused"), errors.New("refused")}}
	p := NewPublisher(state, board, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	for deadline := time.Now().Add(5 * time.Second); p.Pending() > 0 || board.seen() == ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not published")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := board.seen(); got != "left []" {
		t.Errorf("published %q", got)
	}
	if c, err := state.Container("left/eth0"); err != nil || !c.Published {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestPublisherGivesUpOnAPodThatIsGone(t *testing.T) {
	state, err := store.Open(filepath.Join(t.TempDir(), "braid.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	c := &store.Container{ID: "c1", IfName: "eth0", Pod: store.Pod{Name: "p"}, Attached: true, Status: "[]"}
	if err := state.Commit(c); err != nil {
		t.Fatal(err)
	}
	p := NewPublisher(state, &noticeBoard{fails: []error{cluster.ErrNotFound}}, slog.New(slog.DiscardHandler))
	if err := p.publish(context.Background(), c.Key()); err != nil {
		t.Fatal(err)
	}
	if c, err := state.Container(c.Key()); err != nil || !c.Published {
		t.Errorf("%+v, %v", c, err)
	}
}
