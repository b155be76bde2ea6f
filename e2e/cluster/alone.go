package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/braid-cni/braid/e2e/kube"
)

// aloneIP is where an API server without a cluster listens.
const aloneIP = "127.0.0.1"

// An APIServer is one that runs with its etcd and nothing else of a cluster, on the loopback of the network namespace that
// it was started in. It ends with the process that started it, and leaves no trace on the machine but its folder.
type APIServer struct {
	Kubeconfig string // of the administrator
	Audit      string // a line for each request, written before its answer ends

	dir      string
	programs string
	running  []*exec.Cmd
}

// auditPolicy logs who asked for what, once for each request: when its answer ended.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules: [{level: Metadata}]
`

// StartAPIServer starts the two of the programs in a folder and returns when the API server is ready. Files go into dir.
// They are killed when the thread ends that it was called on.
func StartAPIServer(ctx context.Context, programs, dir string) (*APIServer, error) {
	s := &APIServer{
		Kubeconfig: filepath.Join(dir, "admin.kubeconfig"), Audit: filepath.Join(dir, "audit.log"), dir: dir, programs: programs,
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *APIServer) start(ctx context.Context) error {
	p := plane{dir: s.dir, ip: aloneIP}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the API server: %w", err)
	}
	if err := p.makeSecrets([]user{{file: s.Kubeconfig, name: "admin", group: "system:masters"}}); err != nil {
		return err
	}
	policy := p.secret("audit-policy.yaml")
	if err := writeSecret(policy, []byte(auditPolicy)); err != nil {
		return err
	}
	client, err := kube.New(s.Kubeconfig)
	if err != nil {
		return err
	}
	if err := s.run(ctx, "etcd", p.etcdArgs(), listening("tcp", hostOf(etcdClient))); err != nil {
		return err
	}
	return s.run(ctx, "kube-apiserver", append(p.apiServerArgs(),
		// Nobody looks for it at its Service, and loopback may not be told as its address.
		"--advertise-address="+hostIP, "--endpoint-reconciler-type=none",
		"--audit-policy-file="+policy, "--audit-log-path="+s.Audit, "--audit-log-mode=blocking-strict"), client.Ready)
}

// run starts a program and waits until it is ready.
func (s *APIServer) run(ctx context.Context, program string, args []string, ready func(context.Context) bool) error {
	log, err := os.Create(filepath.Join(s.dir, program+".log"))
	if err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.programs, program), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = plainEnv(), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	s.running = append(s.running, cmd)
	record, err := newProcess(program, "", cmd.Process.Pid)
	if err != nil {
		return err
	}
	return (&Process{Log: log.Name(), process: record}).waitUntil(ctx, "be ready", ready)
}

// Stop ends the API server, and then etcd, without which it would linger.
func (s *APIServer) Stop() error {
	var errs []error
	for i := len(s.running) - 1; i >= 0; i-- {
		errs = append(errs, stop(s.running[i]))
	}
	s.running = nil
	return errors.Join(errs...)
}

// stop asks a child to end and kills it when it has not in ten seconds.
func stop(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", filepath.Base(cmd.Path), err)
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("wait for the end of %s: %w", filepath.Base(cmd.Path), err)
	}
	return nil
}
