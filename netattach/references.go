package netattach

import "strings"

// Refs are what a plan needs to know of the world, without repetition, in the order of the networks.
type Refs struct {
	NADs []Key
	// Paths are files and folders to load into Input.Disk.
	Paths []string
	// Devices says that Input.Devices counts.
	Devices bool
}

// References says what NewPlan will look for, given what in holds already. It does its best in the face of mistakes,
// which are NewPlan's to report. Call it again after fetching: a NAD without a configuration of its own, or a
// cluster network under Multus that is no NAD, sends the search to the disk.
func References(in Input) Refs {
	var refs Refs
	list, _ := in.wants(newReport())
	for _, w := range list {
		refs.add(&in, w.source)
	}
	refs.Devices = in.needsDevices(list)
	return refs
}

func (refs *Refs) add(in *Input, s Source) {
	if s.Path != "" {
		addOnce(&refs.Paths, s.Path)
	}
	key := in.key(s)
	if !key.IsZero() {
		addOnce(&refs.NADs, key)
	}
	nad := in.NADs[key]
	if nad == nil && s.Name != "" || nad != nil && strings.TrimSpace(nad.Spec.Config) == "" {
		addOnce(&refs.Paths, in.Config.ConfDir)
	}
}

// key is the NAD to look for, zero when there is none: a CNI name need not be the name of an object.
func (in *Input) key(s Source) Key {
	if s.Name != "" && isLabel(s.Name) {
		return Key{in.Config.Namespace, s.Name}
	}
	return s.NAD
}

func addOnce[T comparable](list *[]T, item T) {
	for _, have := range *list {
		if have == item {
			return
		}
	}
	*list = append(*list, item)
}
