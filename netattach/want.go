package netattach

import (
	"slices"
	"strings"
)

// A want is one network that a pod is to have: an administrator's source, or what the pod selected.
type want struct {
	source Source
	pick   *Selection // nil for an administrator's network
	first  bool       // the default network
	at     report
}

// becomes lets later mistakes of the want say which interface the pod does not get.
func (w *want) becomes(ifname string) {
	if w.first {
		return // the one that every pod has
	}
	w.at = w.at.in("interface %s", ifname)
	if w.pick != nil {
		w.pick.at = w.at
	}
}

// wants lists the networks of in in their order (clause 59), as far as mistakes allow. Mistakes go to r. chained says
// that the plugins before this one in a chain made the default network.
func (in *Input) wants(r report) (list []want, chained bool) {
	picks, first := in.selections(r)
	chained = in.Config.PrevResult != nil && in.Config.ClusterNetwork.IsZero()
	switch {
	case chained && first != nil:
		first.at.add("a pod cannot choose its default network here: the plugins before braid in the chain make it")
	case first != nil:
		list = append(list, want{source: Source{NAD: first.Key()}, pick: first, first: true, at: first.at})
	case !in.Config.ClusterNetwork.IsZero():
		list = append(list, want{source: in.Config.ClusterNetwork, first: true, at: r.in("clusterNetwork")})
	case !chained:
		r.add("clusterNetwork: is not set: name the network that every pod gets as its default")
	}
	if in.Config.PrevResult != nil && !chained {
		r.add("clusterNetwork: is set, and so is prevResult of a chain that made the default network already: leave clusterNetwork out")
	}
	return append(list, in.others(r, picks)...), chained
}

// others are the networks beside the default one.
func (in *Input) others(r report, picks []Selection) (list []want) {
	for i, s := range in.Config.Delegates {
		list = append(list, want{source: s, at: r.in("delegates %d", i+2)})
	}
	system := in.Pod != nil && slices.Contains(in.Config.SystemNamespaces, in.Pod.Namespace)
	for i, s := range in.Config.DefaultNetworks {
		if !system {
			list = append(list, want{source: s, at: r.in("defaultNetworks %d", i+1)})
		}
	}
	for i := range picks {
		list = append(list, want{source: Source{NAD: picks[i].Key()}, pick: &picks[i], at: picks[i].at})
	}
	return list
}

// selections reads both annotations of the pod. Networks that isolation keeps from the pod are left out, so that no
// later mistake tells whether they exist.
func (in *Input) selections(r report) (picks []Selection, first *Selection) {
	if in.Pod == nil {
		return nil, nil
	}
	namespace := in.Pod.Namespace
	first = parseDefaultSelection(r, in.Pod.Annotations[DefaultNetworkAnnotation], in.defaultNamespace())
	picks = parseSelections(r.in("annotation %s", NetworksAnnotation), in.Pod.Annotations[NetworksAnnotation], namespace)
	checkSecondaries(picks)
	all := slices.Clone(picks)
	if first != nil {
		all = append([]Selection{*first}, all...)
	}
	checkTogether(all)
	picks = slices.DeleteFunc(picks, func(s Selection) bool { return !in.mayUse(&s) })
	if first != nil && !in.mayUse(first) {
		first = &Selection{at: first.at}
	}
	return picks, first
}

// defaultNamespace is where a name without namespace in DefaultNetworkAnnotation is looked for: Multus looks in its
// own namespace.
func (in *Input) defaultNamespace() string {
	if in.Config.Multus {
		return in.Config.Namespace
	}
	return in.Pod.Namespace
}

// mayUse applies namespace isolation to what the pod selected (clause 65).
func (in *Input) mayUse(s *Selection) bool {
	if !in.Config.NamespaceIsolation || s.Namespace == in.Pod.Namespace || slices.Contains(in.Config.GlobalNamespaces, s.Namespace) {
		return true
	}
	allowed := append([]string{in.Pod.Namespace}, in.Config.GlobalNamespaces...)
	s.at.add("namespace isolation: the pod may use networks of namespace %s only: move the NetworkAttachmentDefinition, or have the administrator add %s to globalNamespaces",
		strings.Join(allowed, ", "), quote(s.Namespace))
	return false
}
