// Package apiserver has a real API server for the benchmark, and in it the node, the pods and the networks of one.
package apiserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// startWithin and stopWithin bound the server's start and end.
	startWithin = 90 * time.Second
	stopWithin  = 30 * time.Second
)

// Programs are what an API server needs.
type Programs struct {
	// Control is the command e2e/cmd/control, Kubernetes the folder of etcd and kube-apiserver.
	Control, Kubernetes string
}

// Build builds what is missing: the command into dir, and Kubernetes into the user's cache folder, for which it takes ten
// minutes the first time. Checkout is the root of the checkout; progress goes to out.
func Build(ctx context.Context, checkout, dir string, out io.Writer) (Programs, error) {
	p := Programs{Control: filepath.Join(dir, "control")}
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", p.Control, "./cmd/control")
	build.Dir, build.Stderr, build.Env = filepath.Join(checkout, "e2e"), out, append(os.Environ(), "CGO_ENABLED=0")
	if err := build.Run(); err != nil {
		return p, fmt.Errorf("build e2e/cmd/control: %w", err)
	}
	programs := exec.CommandContext(ctx, p.Control, "build")
	programs.Dir, programs.Stderr = checkout, out
	folder, err := programs.Output()
	if err != nil {
		return p, fmt.Errorf("build the programs of Kubernetes: %w", err)
	}
	p.Kubernetes = strings.TrimSpace(string(folder))
	return p, nil
}

// Version is that of Kubernetes, as the name of its folder says.
func (p Programs) Version() string {
	_, version, _ := strings.Cut(filepath.Base(p.Kubernetes), "-")
	return version
}

// A Server is an API server that runs.
type Server struct {
	// Kubeconfig is the administrator's.
	Kubeconfig string
	audit      string
	command    *exec.Cmd
	stdin      io.Closer
	typed      kubernetes.Interface
	dynamic    dynamic.Interface
}

// Start starts an API server on the loopback of this network namespace, with all its files in dir, and waits until it is
// ready.
func Start(ctx context.Context, p Programs, dir string) (*Server, error) {
	s := &Server{
		Kubeconfig: filepath.Join(dir, "admin.kubeconfig"), audit: filepath.Join(dir, "audit.log"),
		command: exec.Command(p.Control, "run", "-programs", p.Kubernetes, "-dir", dir),
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	s.command.Stderr = os.Stderr
	if s.stdin, err = s.command.StdinPipe(); err != nil {
		return fmt.Errorf("start the API server: %w", err)
	}
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the API server: %w", err)
	}
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start the API server: %w", err)
	}
	// Its end closes what is read from.
	kill := time.AfterFunc(startWithin, func() { _ = s.command.Process.Kill() })
	defer kill.Stop()
	stop := context.AfterFunc(ctx, func() { _ = s.stdin.Close() })
	defer stop()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		return fmt.Errorf("start the API server: %w: it said %q", errors.Join(err, ctx.Err()), line)
	}
	return s.connect()
}

// connect makes the clients.
func (s *Server) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.QPS, config.UserAgent = -1, "bench"
	if s.typed, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if s.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return nil
}

// Stop ends the server.
func (s *Server) Stop() error {
	if s.command.Process == nil {
		return nil
	}
	kill := time.AfterFunc(stopWithin, func() { _ = s.command.Process.Kill() })
	defer kill.Stop()
	_ = s.stdin.Close()
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	return nil
}
