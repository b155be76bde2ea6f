// Package agent is the node agent: tasks that run side by side until one fails or the process is told to stop.
package agent

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"
)

// A Task is one thing that the agent does all the time.
type Task interface {
	// Run works until ctx is done, which it answers with nil, or until it cannot go on.
	Run(ctx context.Context) error
	// String names the task for the log.
	String() string
}

// Run runs the tasks until ctx is done or one of them fails; then the others are stopped and waited for.
func Run(ctx context.Context, log *slog.Logger, tasks ...Task) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range tasks {
		group.Go(func() error {
			log.Debug("task starts", "task", task.String())
			if err := task.Run(ctx); err != nil {
				return fmt.Errorf("%s: %w", task, err)
			}
			return nil
		})
	}
	return group.Wait()
}
