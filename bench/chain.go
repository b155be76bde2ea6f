package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/version"
)

// A runtime runs network lists on pods as a container runtime does: through libcni, one after another.
type runtime struct {
	cni   *libcni.CNIConfig
	lists []*libcni.NetworkConfigList
}

// newRuntime executes plugins from bin with env added to their environment, and caches results in cache.
func newRuntime(bin, cache string, env []string, configs ...string) (*runtime, error) {
	r := &runtime{cni: libcni.NewCNIConfigWithCacheDir([]string{bin}, cache, execution{env: env})}
	for _, config := range configs {
		list, err := libcni.NetworkConfFromBytes([]byte(config))
		if err != nil {
			return nil, fmt.Errorf("read a network list: %w", err)
		}
		r.lists = append(r.lists, list)
	}
	return r, nil
}

// add adds every list, the first as eth0.
func (r *runtime) add(ctx context.Context, pod *Pod) error {
	for i, list := range r.lists {
		if _, err := r.cni.AddNetworkList(ctx, list, conf(pod, i)); err != nil {
			return fmt.Errorf("add network %s as %s: %w", list.Name, ifName(i), err)
		}
	}
	return nil
}

// del deletes every list, the last first.
func (r *runtime) del(ctx context.Context, pod *Pod) error {
	var errs []error
	for i := len(r.lists) - 1; i >= 0; i-- {
		if err := r.cni.DelNetworkList(ctx, r.lists[i], conf(pod, i)); err != nil {
			errs = append(errs, fmt.Errorf("delete network %s as %s: %w", r.lists[i].Name, ifName(i), err))
		}
	}
	return errors.Join(errs...)
}

// status asks whether the lists can be added.
func (r *runtime) status(ctx context.Context) error {
	for _, list := range r.lists {
		if err := r.cni.GetStatusNetworkList(ctx, list); err != nil {
			return fmt.Errorf("ask for the status of network %s: %w", list.Name, err)
		}
	}
	return nil
}

// conf is what a runtime says of one attachment.
func conf(pod *Pod, network int) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{ContainerID: pod.ID, NetNS: pod.Netns, IfName: ifName(network), Args: pod.Args}
}

// execution executes plugins as libcni does by itself, with more environment.
type execution struct {
	invoke.RawExec
	version.PluginDecoder
	env []string
}

// ExecPlugin implements invoke.Exec.
func (e execution) ExecPlugin(ctx context.Context, path string, stdin []byte, env []string) ([]byte, error) {
	return e.RawExec.ExecPlugin(ctx, path, stdin, append(env, e.env...))
}

// Decode implements invoke.Exec.
func (e execution) Decode(data []byte) (version.PluginInfo, error) {
	return e.PluginDecoder.Decode(data)
}

// FindInPath implements invoke.Exec.
func (e execution) FindInPath(plugin string, paths []string) (string, error) {
	return e.RawExec.FindInPath(plugin, paths)
}
