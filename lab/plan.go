package lab

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/braid-cni/braid/cluster/files"
)

// maxNodes is what the third byte of a pod range has room for.
const maxNodes = 200

// A plan is what is to be brought up.
type plan struct {
	nodes []*Node
	pods  []*Pod
	// files are the manifests by the names they get in the laboratory.
	files map[string][]byte
}

// newPlan reads the manifests and places the pods. It finds every mistake in them at once, and touches nothing.
func newPlan(o Options) (*plan, error) {
	p := &plan{files: map[string][]byte{}}
	for i := range o.Nodes {
		p.nodes = append(p.nodes, newNode(i+1))
	}
	all, err := p.read(o.Manifests)
	mistakes := []error{err, unfit(all)}
	place, err := newPlacement(p.nodes).place(all.Pods)
	mistakes = append(mistakes, err)
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("read the manifests:\n%w", err)
	}
	for i, pod := range all.Pods {
		p.pods = append(p.pods, &Pod{
			Namespace: pod.Namespace, Name: pod.Name, UID: string(uuid.NewUUID()), Container: containerID(), Node: place[i],
		})
	}
	return p, nil
}

// newNode numbers from 1.
func newNode(number int) *Node {
	return &Node{
		Name:     fmt.Sprintf("node-%d", number),
		Address:  netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 30, 0, byte(number)}), 24),
		PodRange: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(number), 0}), 24),
	}
}

// containerID has the form of containerd's.
func containerID() string {
	id := make([]byte, 32)
	// crypto/rand.Read does not fail since Go 1.24.
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}

func (p *plan) read(paths []string) (*files.Manifests, error) {
	all := new(files.Manifests)
	var mistakes []error
	for i, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		m, err := files.Parse(bytes.NewReader(content))
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", path, err))
		}
		all.Pods = append(all.Pods, m.Pods...)
		all.NADs = append(all.NADs, m.NADs...)
		all.Others = append(all.Others, m.Others...)
		p.files[fmt.Sprintf("%02d-%s", i, manifestName(path))] = content
	}
	return all, errors.Join(mistakes...)
}

// manifestName ends as package files wants it.
func manifestName(path string) string {
	name := filepath.Base(path)
	if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
		return name
	}
	return name + ".yaml"
}

// makers are the kinds that make pods on a cluster. Other kinds than these, pods and networks are none of the
// laboratory's business.
var makers = []string{"CronJob", "DaemonSet", "Deployment", "Job", "List", "ReplicaSet", "ReplicationController", "StatefulSet"}

// unfit names objects that the laboratory cannot stand for, and those that are there twice.
func unfit(m *files.Manifests) error {
	var mistakes []error
	for _, o := range m.Others {
		if slices.Contains(makers, o.Kind) {
			mistakes = append(mistakes, fmt.Errorf("%s %s/%s: no controller runs here: write its pods as kind Pod", o.Kind, o.Namespace, o.Name))
		}
	}
	seen := map[string]bool{}
	once := func(object string) {
		if seen[object] {
			mistakes = append(mistakes, fmt.Errorf("%s is there twice: remove one", object))
		}
		seen[object] = true
	}
	for _, pod := range m.Pods {
		once("Pod " + pod.Namespace + "/" + pod.Name)
	}
	for _, nad := range m.NADs {
		once("NetworkAttachmentDefinition " + nad.Namespace + "/" + nad.Name)
	}
	return errors.Join(mistakes...)
}
