package ipam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// fakeExec is an IPAM binary that says what it was run with.
type fakeExec struct {
	version.PluginDecoder
	// stdout answers by command; a command that is missing fails.
	stdout map[string]string
	// calls are "COMMAND key=value..." with stdin at the end.
	calls []string
	env   []string
}

func (f *fakeExec) FindInPath(plugin string, paths []string) (string, error) {
	if !slices.Contains(paths, "/opt") {
		return "", fmt.Errorf("no %s in %v", plugin, paths)
	}
	return "/opt/" + plugin, nil
}

func (f *fakeExec) ExecPlugin(ctx context.Context, path string, stdin []byte, env []string) ([]byte, error) {
	if _, bounded := ctx.Deadline(); !bounded || ctx.Err() != nil {
		return nil, fmt.Errorf("context without time: %v", ctx.Err())
	}
	f.env = env
	command, _ := strings.CutPrefix(env[1], "CNI_COMMAND=")
	f.calls = append(f.calls, fmt.Sprintf("%s %s %s", path, command, stdin))
	answer, ok := f.stdout[command]
	if !ok {
		return nil, types.NewError(103, command+" broke", "")
	}
	return []byte(answer), nil
}

// request is an attachment with a configuration of that version.
func request(v string) *Request {
	return &Request{ContainerID: "c1", Netns: "/ns", IfName: "net1", Args: "A=1", Path: []string{"/x", "/opt"}, Config: []byte(`{"cniVersion":"` + v + `"}`)}
}

func TestExecutedAdd(t *testing.T) {
	t.Setenv("SECRET", "of the agent")
	exec := &fakeExec{stdout: map[string]string{
		"ADD": `{"interfaces":[{"name":"x"}],"ips":[{"version":"4","address":"10.0.0.2/24","interface":0}]}`,
	}}
	got, err := (&executed{"third", exec}).Add(t.Context(), request("0.4.0"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Interfaces) != 0 || len(got.IPs) != 1 || got.IPs[0].Interface != nil || got.IPs[0].Address.String() != "10.0.0.2/24" {
		t.Errorf("got %+v", got)
	}
	want := []string{searchPath, "CNI_COMMAND=ADD", "CNI_CONTAINERID=c1", "CNI_NETNS=/ns", "CNI_ARGS=A=1", "CNI_IFNAME=net1", "CNI_PATH=/x:/opt"}
	if !slices.Equal(exec.env, want) {
		t.Errorf("environment %q, want %q", exec.env, want)
	}
}

func TestExecutedAddFails(t *testing.T) {
	tests := []struct {
		name   string
		stdout map[string]string
		ctx    func(context.Context) context.Context
		calls  int
		text   string
	}{
		{"plugin fails", map[string]string{"DEL": ""}, nil, 2, "ADD broke"},
		{"result is no result", map[string]string{"ADD": "hello", "DEL": ""}, nil, 2, "invalid character"},
		{"DEL fails too", nil, nil, 2, "DEL broke"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			exec := &fakeExec{stdout: tt.stdout}
			_, err := (&executed{"third", exec}).Add(t.Context(), request("1.1.0"))
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %q", err, tt.text)
			}
			if len(exec.calls) != tt.calls || !strings.HasPrefix(exec.calls[1], "/opt/third DEL ") {
				t.Errorf("calls %q, want ADD and DEL", exec.calls)
			}
		})
	}
}

// TestExecutedAddOutOfTime undoes an ADD although the caller's time is over.
func TestExecutedAddOutOfTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	exec := &fakeExec{stdout: map[string]string{"DEL": ""}}
	if _, err := (&executed{"third", exec}).Add(ctx, request("1.1.0")); err == nil {
		t.Error("ADD succeeded without time")
	}
	if len(exec.calls) != 1 || !strings.Contains(exec.calls[0], " DEL ") {
		t.Errorf("calls %q, want one DEL", exec.calls)
	}
}

// TestExecutedVerbs runs every verb at every version: those that a version does not know are not run.
func TestExecutedVerbs(t *testing.T) {
	verbs := map[string]func(context.Context, Driver, *Request) error{
		"CHECK": func(ctx context.Context, d Driver, r *Request) error { return d.Check(ctx, r) },
		"DEL":   func(ctx context.Context, d Driver, r *Request) error { return d.Del(ctx, r) },
		"GC": func(ctx context.Context, d Driver, r *Request) error {
			return d.GC(ctx, &GCRequest{Path: r.Path, Config: r.Config})
		},
		"STATUS": func(ctx context.Context, d Driver, r *Request) error {
			return d.Status(ctx, &StatusRequest{Path: r.Path, Config: r.Config})
		},
	}
	since := map[string][]string{
		"CHECK": {"0.4.0", "1.0.0", "1.1.0"}, "DEL": {"0.3.1", "0.4.0", "1.0.0", "1.1.0"},
		"GC": {"1.1.0"}, "STATUS": {"1.1.0"},
	}
	for verb, call := range verbs {
		for _, v := range []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
			t.Run(verb+" "+v, func(t *testing.T) {
				exec := &fakeExec{stdout: map[string]string{verb: ""}}
				if err := call(t.Context(), &executed{"third", exec}, request(v)); err != nil {
					t.Fatal(err)
				}
				if got, want := len(exec.calls) == 1, slices.Contains(since[verb], v); got != want {
					t.Errorf("run %v, want %v", got, want)
				}
				var cni *types.Error
				if err := call(t.Context(), &executed{"third", &fakeExec{}}, request(v)); slices.Contains(since[verb], v) && (!errors.As(err, &cni) || cni.Code != 103) {
					t.Errorf("error %v, want the plugin's", err)
				}
			})
		}
	}
}

func TestExecutedGC(t *testing.T) {
	tests := []struct {
		name  string
		valid []Attachment
		want  string
	}{
		{"none is an empty list", nil, `[]`},
		{"some", []Attachment{{"c1", "eth0"}}, `[{"containerID":"c1","ifname":"eth0"}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			exec := &fakeExec{stdout: map[string]string{"GC": ""}}
			err := (&executed{"third", exec}).GC(t.Context(), &GCRequest{Path: []string{"/opt"}, Config: []byte(`{"cniVersion":"1.1.0","k":{"b":1,"a":2}}`), Valid: tt.valid})
			want := `/opt/third GC {"cni.dev/attachments":` + tt.want + `,"cni.dev/valid-attachments":` + tt.want + `,"cniVersion":"1.1.0","k":{"b":1,"a":2}}`
			if err != nil || exec.calls[0] != want {
				t.Errorf("%v: got %q, want %q", err, exec.calls, want)
			}
		})
	}
}

func TestExecutedNotFound(t *testing.T) {
	r := request("1.1.0")
	r.Path = []string{"/x"}
	var cni *types.Error
	if _, err := (&executed{"third", &fakeExec{}}).Add(t.Context(), r); !errors.As(err, &cni) || cni.Code != types.ErrInvalidNetworkConfig {
		t.Errorf("error %v, want code 7", err)
	}
}
