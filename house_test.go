package braid

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/braid-cni/braid/hack/house"
)

const module = "github.com/braid-cni/braid"

// arrows is the design's table of folders: what each may import, and through
// those what they may import. An arrow only points down.
func arrows() map[string][]string {
	return map[string][]string{
		"cmd/braid":    {"wire"},
		"cmd/braidd":   {house.Everything},
		"cmd/braidctl": {"topology", "doctor", "lab", "cluster", "ipam", "wire", "api"},
		"doctor":       {"kernel", "wire", "netattach", "cluster", "api"},
		"topology":     {"wire"},
		"lab":          {"agent", "cluster"},
		"agent":        {"fabric", "delegate", "plugins", "ipam", "netattach", "cluster", "store", "kernel", "wire", "api", "trace", "memo", "together"},
		"fabric":       {"kernel", "cluster", "api"},
		"delegate":     {"plugins", "netattach", "store", "trace", "memo"},
		"plugins":      {"ipam", "kernel", "trace", "memo", "together"},
		"ipam":         {"store", "cluster", "kernel", "memo"},
		"netattach":    {"api", "memo"},
		"cluster":      {"api"},
		"store":        nil,
		"kernel":       nil,
		"wire":         nil,
		"trace":        nil,
		"memo":         nil,
		"together":     nil,
		"api":          nil,
		"conformance":  nil,
		"bench":        {house.Everything},
		"examples":     nil,
		"deploy":       nil,
		"e2e":          {house.Everything},
		"docs":         nil,
		"hack":         nil,
	}
}

// exempt are the package variables that must be, and why.
func exempt() map[string]string {
	return map[string]string{
		"cmd/braid.handed": "it is written before there is a runtime that could pass it to who needs it",
	}
}

func TestHouse(t *testing.T) {
	tree, err := house.Read(os.DirFS("."), module)
	if err != nil {
		t.Fatal(err)
	}
	for name, complaints := range map[string][]string{
		"arrows":    tree.Arrows(arrows()),
		"inits":     tree.Inits(),
		"sizes":     tree.Sizes(),
		"variables": tree.Variables(exempt()),
	} {
		t.Run(name, func(t *testing.T) {
			for _, complaint := range complaints {
				t.Error(complaint)
			}
		})
	}
}

func TestArrowsOnlyPointDown(t *testing.T) {
	if folder := house.Cycle(arrows()); folder != "" {
		t.Errorf("%s may import itself by way of others", folder)
	}
}

// The door starts for every call of a runtime: what it links, every pod waits for.
func TestDoorIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/braid").Output()
	if err != nil {
		t.Fatalf("list what the door links: %v", err)
	}
	for _, dep := range heavy(strings.Fields(string(out))) {
		t.Errorf("the door links %s", dep)
	}
}

func TestHeavyIsSeen(t *testing.T) {
	got := heavy([]string{"net", "net/http", "net/http/internal", "k8s.io/api/core/v1", "github.com/vishvananda/netlink/nl", "strings"})
	if len(got) != 5 {
		t.Errorf("found %q", got)
	}
}

// heavy returns the packages that the door is too small for.
func heavy(deps []string) (found []string) {
	for _, dep := range deps {
		for _, not := range []string{"net", "k8s.io", "sigs.k8s.io", "github.com/vishvananda/netlink"} {
			if dep == not || strings.HasPrefix(dep, not+"/") {
				found = append(found, dep)
			}
		}
	}
	return found
}
