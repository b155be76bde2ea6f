package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A Measurement is one verb of one subject on pods with so many networks.
type Measurement struct {
	Networks int
	Verb     string
	Subject  string
	// Took are the times of the pods, in their order.
	Took []time.Duration
}

// Options say what Run measures.
type Options struct {
	// Pods is the number of pods for each subject.
	Pods int
	// Dir is a folder for the namespaces of pods, which Run removes again.
	Dir string
}

// Run measures ADD and DEL of every subject, pod by pod and in turn, so that whatever else the machine does meets
// all of them. The first subject of a round changes from round to round. Every subject has one more pod, not measured,
// for the whole time: a node has its bridges already.
func Run(ctx context.Context, o Options, networks int, subjects []Subject) (_ []Measurement, err error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the pods: %w", err)
	}
	p := &pods{dir: o.Dir}
	defer func() { err = errors.Join(err, p.close()) }()
	r := &run{networks: networks, subjects: subjects, pods: p, adds: make([]Measurement, len(subjects)), dels: make([]Measurement, len(subjects))}
	for i, s := range subjects {
		r.adds[i] = Measurement{Networks: networks, Verb: "ADD", Subject: s.Name()}
		r.dels[i] = Measurement{Networks: networks, Verb: "DEL", Subject: s.Name()}
	}
	for _, s := range subjects {
		stop, err := r.settle(ctx, s)
		defer func() { stop() }()
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", s.Name(), err)
		}
	}
	for round := range o.Pods {
		if err := r.round(ctx, round); err != nil {
			return nil, err
		}
	}
	return append(r.adds, r.dels...), nil
}

// run is one Run.
type run struct {
	networks   int
	subjects   []Subject
	pods       *pods
	adds, dels []Measurement
}

// settle starts a subject and gives it the pod that stays. The function it returns takes both back, as far as they
// came; what goes wrong then is left in namespaces that end with the process.
func (r *run) settle(ctx context.Context, s Subject) (stop func(), err error) {
	ctx = context.WithoutCancel(ctx)
	stop = func() { _ = s.Stop(ctx) }
	if err := s.Start(ctx); err != nil {
		return stop, err
	}
	pod, err := r.pods.new()
	if err != nil {
		return stop, err
	}
	return func() { _ = errors.Join(s.Del(ctx, pod), s.Stop(ctx)) }, s.Add(ctx, pod)
}

// round measures one pod of every subject: all ADDs, then all DELs.
func (r *run) round(ctx context.Context, round int) error {
	made := make([]*Pod, len(r.subjects))
	for i := range made {
		pod, err := r.pods.new()
		if err != nil {
			return err
		}
		made[i] = pod
	}
	for _, verb := range []struct {
		name string
		do   func(Subject) func(context.Context, *Pod) error
		into []Measurement
	}{
		{"ADD", func(s Subject) func(context.Context, *Pod) error { return s.Add }, r.adds},
		{"DEL", func(s Subject) func(context.Context, *Pod) error { return s.Del }, r.dels},
	} {
		for k := range r.subjects {
			i := (k + round) % len(r.subjects)
			began := time.Now()
			if err := verb.do(r.subjects[i])(ctx, made[i]); err != nil {
				return fmt.Errorf("%s of %s, round %d: %w", verb.name, r.subjects[i].Name(), round, err)
			}
			verb.into[i].Took = append(verb.into[i].Took, time.Since(began))
			if err := verify(made[i], verb.name == "ADD", r.networks); err != nil {
				return fmt.Errorf("%s of %s, round %d: %w", verb.name, r.subjects[i].Name(), round, err)
			}
		}
	}
	return nil
}

// Dirs returns the folder of one subject beneath dir, made anew.
func Dirs(dir, subject string, networks int) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("%s-%d", subject, networks))
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", fmt.Errorf("make the folder of %s: %w", subject, err)
	}
	return path, nil
}
