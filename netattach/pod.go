package netattach

// A Pod is what planning needs to know of a pod.
type Pod struct {
	Namespace   string
	Name        string
	UID         string
	Annotations map[string]string
}

// A Key names a NetworkAttachmentDefinition. The zero Key names none.
type Key struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// String is "namespace/name", as annotations and network-status write it.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// IsZero says whether k names no NAD.
func (k Key) IsZero() bool { return k == Key{} }
