package files

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Manifests are the objects of some YAML, in its order.
type Manifests struct {
	Pods []corev1.Pod
	NADs []nadv1.NetworkAttachmentDefinition
	// Others are the kind and the name of every other object.
	Others []metav1.PartialObjectMetadata
}

// Parse reads every document of r strictly, as an API server would: a field that does not exist is a mistake. It
// returns all mistakes at once, each with the number of its document, and what could be read beside them.
func Parse(r io.Reader) (*Manifests, error) {
	m := new(Manifests)
	var mistakes []error
	documents := utilyaml.NewYAMLReader(bufio.NewReader(r))
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return m, errors.Join(mistakes...)
		}
		if err != nil {
			return m, errors.Join(append(mistakes, fmt.Errorf("read document %d: %w", n, err))...)
		}
		if err := m.add(document); err != nil {
			mistakes = append(mistakes, fmt.Errorf("document %d: %w", n, err))
		}
	}
}

// add reads one document; one that holds nothing but comments is no object.
func (m *Manifests) add(document []byte) error {
	raw, err := yaml.YAMLToJSON(document)
	if err != nil {
		return err
	}
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	var meta metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(raw, &meta); err != nil {
		return err
	}
	if meta.Kind == "" || meta.Name == "" {
		return fmt.Errorf("kind %q, name %q: an object needs both", meta.Kind, meta.Name)
	}
	meta.Namespace = namespaceOf(meta.Namespace)
	if err := m.decode(meta, document); err != nil {
		return fmt.Errorf("%s %s/%s: %w", meta.Kind, meta.Namespace, meta.Name, err)
	}
	return nil
}

func (m *Manifests) decode(meta metav1.PartialObjectMetadata, document []byte) error {
	switch meta.Kind {
	case "Pod":
		pod := corev1.Pod{}
		if err := yaml.UnmarshalStrict(document, &pod); err != nil {
			return err
		}
		pod.Namespace = meta.Namespace
		m.Pods = append(m.Pods, pod)
	case "NetworkAttachmentDefinition":
		nad := nadv1.NetworkAttachmentDefinition{}
		if err := yaml.UnmarshalStrict(document, &nad); err != nil {
			return err
		}
		nad.Namespace = meta.Namespace
		m.NADs = append(m.NADs, nad)
	default:
		m.Others = append(m.Others, meta)
	}
	return nil
}
