package lab

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// A placement stands for the scheduler.
type placement struct {
	nodes []*Node
	next  int
}

func newPlacement(nodes []*Node) *placement { return &placement{nodes: nodes} }

// place returns the name of each pod's node, in the pods' order.
func (p *placement) place(pods []corev1.Pod) ([]string, error) {
	var names []string
	var mistakes []error
	for i := range pods {
		name, err := p.node(&pods[i], pods[:i], names)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("Pod %s/%s: %w", pods[i].Namespace, pods[i].Name, err))
		}
		names = append(names, name)
	}
	return names, errors.Join(mistakes...)
}

// node chooses for one pod, with the pods that were placed before it.
func (p *placement) node(pod *corev1.Pod, before []corev1.Pod, placed []string) (string, error) {
	if name := pod.Spec.NodeName; name != "" {
		if !slices.ContainsFunc(p.nodes, func(n *Node) bool { return n.Name == name }) {
			return "", fmt.Errorf("spec.nodeName %q is none of the %d nodes, node-1 and so on", name, len(p.nodes))
		}
		return name, nil
	}
	if name, err := companion(pod, before, placed); name != "" || err != nil {
		return name, err
	}
	p.next++
	return p.nodes[(p.next-1)%len(p.nodes)].Name, nil
}

// companion returns the node of a pod that this one must be beside, "" if it must not, or if there is none yet: then
// it is the first of its kind, which the scheduler lets in as well.
func companion(pod *corev1.Pod, before []corev1.Pod, placed []string) (string, error) {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.PodAffinity == nil {
		return "", nil
	}
	for _, term := range pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
		if err != nil {
			return "", fmt.Errorf("pod affinity: %w", err)
		}
		for i, other := range before {
			if other.Namespace == pod.Namespace && selector.Matches(labels.Set(other.Labels)) {
				return placed[i], nil
			}
		}
	}
	return "", nil
}
