package lab

import (
	"context"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

// confDir and pluginDir are where a container runtime looks on a node.
const (
	confDir   = "/etc/cni/net.d"
	pluginDir = "/opt/cni/bin"
	// podIfName is the interface that containerd asks for.
	podIfName = "eth0"
)

func (l *Lab) netnsOf(pod *Pod) string {
	return l.path("pods", pod.Namespace+"_"+pod.Name)
}

// attach starts a pod as far as its network goes.
func (l *Lab) attach(ctx context.Context, pod *Pod) error {
	if err := makeNetns(l.netnsOf(pod)); err != nil {
		return err
	}
	return l.call(pod, func(cni *libcni.CNIConfig, list *libcni.NetworkConfigList, conf *libcni.RuntimeConf) error {
		_, err := cni.AddNetworkList(ctx, list, conf)
		return err
	})
}

// detach stops a pod. Its namespace is there still, as when a runtime calls.
func (l *Lab) detach(ctx context.Context, pod *Pod) error {
	return l.call(pod, func(cni *libcni.CNIConfig, list *libcni.NetworkConfigList, conf *libcni.RuntimeConf) error {
		return cni.DelNetworkList(ctx, list, conf)
	})
}

// call does on the pod's node what the container runtime does there.
func (l *Lab) call(pod *Pod, verb func(*libcni.CNIConfig, *libcni.NetworkConfigList, *libcni.RuntimeConf) error) error {
	n, err := l.node(pod.Node)
	if err != nil {
		return err
	}
	return n.inside(func() error {
		list, err := configured()
		if err != nil {
			return err
		}
		return verb(libcni.NewCNIConfig([]string{l.path("bin"), pluginDir}, nil), list, l.runtimeConf(pod))
	})
}

// configured is the first configuration in the node's folder, as containerd chooses.
func configured() (*libcni.NetworkConfigList, error) {
	files, err := libcni.ConfFiles(confDir, []string{".conflist"})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", confDir, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no CNI configuration in %s", confDir)
	}
	return libcni.ConfListFromFile(files[0])
}

// runtimeConf carries what containerd sends for a pod sandbox.
func (l *Lab) runtimeConf(pod *Pod) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{
		ContainerID: pod.Container, NetNS: l.netnsOf(pod), IfName: podIfName,
		Args: [][2]string{
			{"IgnoreUnknown", "1"},
			{"K8S_POD_NAMESPACE", pod.Namespace},
			{"K8S_POD_NAME", pod.Name},
			{"K8S_POD_INFRA_CONTAINER_ID", pod.Container},
			{"K8S_POD_UID", pod.UID},
		},
		CapabilityArgs: map[string]any{"cgroupPath": "/kubepods/pod" + strings.ReplaceAll(pod.UID, "-", "_")},
	}
}
