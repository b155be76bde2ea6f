package netattach

import (
	"errors"
	"fmt"

	"github.com/braid-cni/braid/memo"
)

// Known is what plans have found out about the configurations of networks, which are the same for most pods. It may be used by
// many plans at once, changes nothing about any of them, and its zero value knows nothing yet.
type Known struct{ lists memo.Memo[*confList] }

// errUnsettled keeps a list from being remembered.
var errUnsettled = errors.New("there is something to say about it")

// settled makes a list and checks it, or returns the one that was made of the same for an earlier pod. It is remembered only if
// nothing is wrong or odd about it: every plan says that anew.
func (in *Input) settled(w *want, config []byte, warnings *[]string, make func() *confList) *confList {
	known := in.Known
	if known == nil {
		known = new(Known)
	}
	mistakes, odd := w.at.count(), len(*warnings)
	var made *confList
	list, err := known.lists.Of(in.settledKey(w, config), func() (*confList, error) {
		if made = make(); made == nil {
			return nil, errUnsettled
		}
		made.check(w.at)
		if w.at.count() > mistakes || len(*warnings) > odd {
			return nil, errUnsettled
		}
		made.settle()
		return made, nil
	})
	if err != nil {
		return made
	}
	return list
}

// settledKey is everything that a list and its check depend on.
func (in *Input) settledKey(w *want, config []byte) []byte {
	c := &in.Config
	if w.source.Inline != nil {
		return append(fmt.Appendf(nil, "%t %q %q ", w.first, c.Name, c.CNIVersion), config...)
	}
	nad := in.key(w.source)
	return append(fmt.Appendf(nil, "%q %q %t %q %q %q %q %+q ",
		nad.Namespace, nad.Name, in.Tenants[nad.Namespace], c.PathsAllow, c.PluginsAllow, c.Builtins, in.Builtin, c.Tenants), config...)
}
