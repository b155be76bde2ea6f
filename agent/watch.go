package agent

import (
	"log/slog"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a watcher waits for further changes after the first.
const settle = 50 * time.Millisecond

// A watcher tells that something changed in one of a few folders. Where the kernel has no more inotify instances to give it
// tells nothing, and its user looks by itself now and then, as it must anyway.
type watcher struct{ notify *fsnotify.Watcher }

func newWatcher(log *slog.Logger) *watcher {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("changes of files are noticed late: raise the sysctl fs.inotify.max_user_instances", "error", err)
		return &watcher{}
	}
	return &watcher{notify: notify}
}

func (w *watcher) close() {
	if w.notify != nil {
		w.notify.Close()
	}
}

// follow watches these folders and no others. One that does not exist, or has no name, is watched when it is asked for again.
func (w *watcher) follow(dirs ...string) {
	if w.notify == nil {
		return
	}
	for _, old := range w.notify.WatchList() {
		if !slices.Contains(dirs, old) {
			w.notify.Remove(old)
		}
	}
	for _, dir := range dirs {
		if dir != "" {
			w.notify.Add(dir)
		}
	}
}

// wait returns after a change, after the longest time given, or when done is closed.
func (w *watcher) wait(done <-chan struct{}, longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	var events chan fsnotify.Event
	var errs chan error
	if w.notify != nil {
		events, errs = w.notify.Events, w.notify.Errors
	}
	for {
		select {
		case <-done:
			return
		case <-timer.C:
			return
		case <-events:
			timer.Reset(min(settle, longest))
		case <-errs: // events were lost
			timer.Reset(min(settle, longest))
		}
	}
}
