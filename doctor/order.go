package doctor

import (
	"context"
	"fmt"
	"path"
)

// conflistOrder finds files that the runtime takes instead of ours: it takes the first, also when that is broken.
func conflistOrder(_ context.Context, v *visit) (found []Finding, err error) {
	if v.used() == nil {
		return nil, nil // conflist says that
	}
	for _, c := range v.confs {
		if c.ours() {
			break
		}
		found = append(found, fault(
			fmt.Sprintf("%s sorts before %s: pods start without Braid", c.path, path.Base(v.used().path)),
			fmt.Sprintf("give it a later name: mv %s %s; or give ours an earlier one with host.conflist in ConfigMap braid-system/braid-config",
				c.path, path.Join(v.ConfDir, "90-"+path.Base(c.path)))))
	}
	return found, nil
}
