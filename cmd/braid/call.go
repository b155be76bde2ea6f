package main

import (
	"fmt"
	"time"

	"github.com/braid-cni/braid/wire"
)

const (
	// redial is the pause between two tries to reach an agent that is away.
	redial = 50 * time.Millisecond
	// answerWithin bounds a call that the agent took: kubelet gives up on a sandbox after four minutes.
	answerWithin  = answerSeconds * time.Second
	answerSeconds = 4 * 60
)

// call reaches the agent before the deadline, trying again while nobody listens, and waits for its answer. A call that
// breaks off after it was sent is repeated when a repetition is harmless, and is not for ADD: the runtime's DEL comes
// in between.
func call(path string, r *wire.Request, deadline time.Time) (*wire.Response, error) {
	for {
		conn, err := dial(path, deadline)
		if err != nil {
			return nil, err
		}
		answer, err := converse(conn, r, time.Now().Add(answerWithin))
		if err == nil {
			return answer, nil
		}
		if r.Command == "ADD" || time.Now().After(deadline) {
			return nil, fmt.Errorf("%w: %w", errBrokenOff, err)
		}
		time.Sleep(redial)
	}
}

// dial connects, trying again until the deadline.
func dial(path string, deadline time.Time) (*socket, error) {
	for {
		conn, err := connect(path, deadline)
		if err == nil {
			return conn, nil
		}
		if !time.Now().Add(redial).Before(deadline) {
			return nil, fmt.Errorf("reach the agent: %w", err)
		}
		time.Sleep(redial)
	}
}

// exchange is one try: connect, ask, and have the answer before the deadline.
func exchange(path string, r *wire.Request, deadline time.Time) (*wire.Response, error) {
	conn, err := connect(path, deadline)
	if err != nil {
		return nil, fmt.Errorf("reach the agent: %w", err)
	}
	return converse(conn, r, deadline)
}

func converse(conn *socket, r *wire.Request, deadline time.Time) (*wire.Response, error) {
	defer conn.Close()
	conn.deadline = deadline
	if err := wire.WriteCall(conn, r); err != nil {
		return nil, err
	}
	return wire.ReadAnswer(conn)
}
