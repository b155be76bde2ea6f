package netattach

import (
	"fmt"
	"testing"
)

func TestReferences(t *testing.T) {
	for _, test := range []struct {
		name  string
		scene scene
		want  string
	}{
		{name: "inline only", scene: scene{config: main}, want: "[] []"},
		{name: "everything once, in order", scene: scene{config: `,"clusterNetwork":"net/c","defaultNetworks":["net/d","/etc/x.conf"]`, networks: "a,b,a"},
			want: "[net/c net/d ns/a ns/b] [/etc/x.conf]"},
		{name: "a NAD without a configuration", scene: scene{config: main, networks: "a,b", nads: map[string]string{"ns/a": " "}}, want: "[ns/a ns/b] [/etc/cni/braid/net.d]"},
		{name: "multus: name not found yet", scene: scene{config: `multus:,"clusterNetwork":"c"`}, want: "[kube-system/c] [/etc/cni/multus/net.d]"},
		{name: "multus: name found", scene: scene{config: `multus:,"clusterNetwork":"c"`, nads: map[string]string{"kube-system/c": bridge}}, want: "[kube-system/c] []"},
		{name: "multus: name that no object has", scene: scene{config: `multus:,"clusterNetwork":"C"`}, want: "[] [/etc/cni/multus/net.d]"},
		{name: "default-network annotation in place of the cluster network", scene: scene{config: `,"clusterNetwork":"net/c"`, first: "a"}, want: "[ns/a] []"},
		{name: "in the face of mistakes", scene: scene{config: main, networks: `[{"name":"a","mac":"zz"},{"name":"B"},{"name":"c"}]`}, want: "[ns/a ns/c] []"},
		{name: "clause 65: not what isolation refuses", scene: scene{config: main, networks: "far/a", first: "far/b"}, want: "[] []"},
		{name: "no pod", scene: scene{config: main, namespace: "-", networks: "a"}, want: "[] []"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refs := References(test.scene.input(t))
			checkText(t, fmt.Sprint(refs.NADs, refs.Paths), test.want)
		})
	}
}
