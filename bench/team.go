package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"
)

// A Team is subjects that are measured in turn, on one node.
type Team struct {
	pods     *Pods
	subjects []Subject
	stops    []func()
}

// Gather starts subjects. With settled, each of them has one more pod for the whole time, not measured: a node has its
// bridges already. Whatever the error, the team must be dismissed.
func Gather(ctx context.Context, pods *Pods, settled bool, subjects ...Subject) (*Team, error) {
	t := &Team{pods: pods, subjects: subjects}
	for _, s := range subjects {
		if err := t.join(ctx, s, settled); err != nil {
			return t, fmt.Errorf("prepare %s: %w", s.Name(), err)
		}
	}
	return t, nil
}

func (t *Team) join(ctx context.Context, s Subject, settled bool) error {
	ctx = context.WithoutCancel(ctx)
	t.stops = append(t.stops, func() { _ = s.Stop(ctx) })
	if err := s.Start(ctx); err != nil || !settled {
		return err
	}
	pods, err := t.pods.Take(1)
	if err != nil {
		return err
	}
	t.stops = append(t.stops, func() {
		if s.Del(ctx, pods[0]) == nil {
			t.pods.Give(pods...)
		}
	})
	return s.Add(ctx, pods[0])
}

// Dismiss takes back what Gather did, the last first, as far as it came. What goes wrong then is left in namespaces that
// end with the process.
func (t *Team) Dismiss() {
	for i := len(t.stops) - 1; i >= 0; i-- {
		t.stops[i]()
	}
	t.stops = nil
}

// turn calls f for every subject, in an order of the round's own. In one order for all rounds, whoever comes after the reference
// plugins would always be the one who finds the caches full of what they executed.
func (t *Team) turn(round int, f func(int, Subject) error) error {
	for _, i := range order(round, len(t.subjects)) {
		if err := f(i, t.subjects[i]); err != nil {
			return fmt.Errorf("%s, round %d: %w", t.subjects[i].Name(), round, err)
		}
	}
	return nil
}

// order is another one of n in every round.
func order(round, n int) []int { return rand.New(rand.NewPCG(uint64(round), 0)).Perm(n) }

// leave takes back the networks of pods, by the shortest way that the subject has, and the pods.
func (t *Team) leave(ctx context.Context, s Subject, pods []*Pod) error {
	if err := drain(ctx, s, pods); err != nil {
		return err
	}
	if err := verifyAll(pods, false, s.Networks()); err != nil {
		return err
	}
	t.pods.Give(pods...)
	return nil
}

// drain takes away the networks of pods: all at once where the subject can, else by a DEL for each from DrainWorkers.
func drain(ctx context.Context, s Subject, pods []*Pod) error {
	if d, ok := s.(Drainer); ok {
		return d.Drain(ctx, pods)
	}
	return together(ctx, DrainWorkers, pods, s.Del)
}

// Together calls f for every pod, as many at the same time as when a node is drained.
func Together(ctx context.Context, pods []*Pod, f func(context.Context, *Pod) error) error {
	return together(ctx, DrainWorkers, pods, f)
}

// together calls f for every pod, from so many workers. It returns when all are through, with the first error.
func together(ctx context.Context, workers int, pods []*Pod, f func(context.Context, *Pod) error) error {
	var group errgroup.Group
	group.SetLimit(workers)
	for _, pod := range pods {
		group.Go(func() error { return f(ctx, pod) })
	}
	return group.Wait()
}
