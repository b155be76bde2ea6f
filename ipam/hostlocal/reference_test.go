package hostlocal

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/ipam"
)

// reference is the reference plugin's binary.
type reference string

// buildReference builds it from the module that pins it.
func buildReference(t *testing.T) reference {
	t.Helper()
	if testing.Short() {
		t.Skip("building the reference host-local is left out with -short")
	}
	path := filepath.Join(t.TempDir(), "host-local")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/containernetworking/plugins/plugins/ipam/host-local")
	build.Dir = "../../e2e/binaries/plugins"
	build.Env = append(os.Environ(), "GOWORK=off") // that module is in no workspace
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the reference: %v: %s", err, out)
	}
	return reference(path)
}

// run executes a command for interface eth0 and returns the addresses of its result.
func (r reference) run(t *testing.T, command, id string, conf []byte) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(r))
	cmd.Env = []string{"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + id, "CNI_NETNS=/ns", "CNI_IFNAME=eth0", "CNI_PATH=/"}
	cmd.Stdin = strings.NewReader(string(conf))
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", command, err, out)
	}
	var result struct{ IPs []struct{ Address string } }
	if len(out) > 0 {
		if err := json.Unmarshal(out, &result); err != nil {
			return "", err
		}
	}
	var all []string
	for _, ip := range result.IPs {
		all = append(all, ip.Address)
	}
	return strings.Join(all, " "), nil
}

// sharedWorld is a driver on the real root and a configuration with a folder of the test's own.
func sharedWorld(t *testing.T, ranges string) (world, []byte) {
	t.Helper()
	dir := t.TempDir()
	return world{New(Options{}), filepath.Join(dir, "net")}, netConf(fmt.Sprintf(`,"dataDir":%q,%s`, dir, ranges), "")
}

// TestReferenceFiles leaves the same files with the same addresses, content and modes as the reference.
func TestReferenceFiles(t *testing.T) {
	ref := buildReference(t)
	for _, ranges := range []string{
		`"subnet":"10.1.2.0/29"`,
		`"subnet":"10.1.2.0/29","rangeStart":"10.1.2.3","rangeEnd":"10.1.2.4"`,
		`"ranges":[[{"subnet":"10.1.2.0/30"},{"subnet":"10.1.3.0/29","rangeEnd":"10.1.3.3"}],[{"subnet":"fd00:0:0:1::/120"}]]`,
	} {
		t.Run(ranges, func(t *testing.T) {
			ours, ourConf := sharedWorld(t, ranges)
			theirs, theirConf := sharedWorld(t, ranges)
			for i := range 12 {
				id := fmt.Sprint("c", i)
				got, ourErr := ours.add(t.Context(), id, ourConf, "")
				want, theirErr := ref.run(t, "ADD", id, theirConf)
				if got != want || (ourErr == nil) != (theirErr == nil) {
					t.Fatalf("ADD %d: got %s, %v; the reference %s, %v", i, got, ourErr, want, theirErr)
				}
				if i%3 == 2 {
					id := fmt.Sprint("c", i-1)
					ours.del(t, id, ourConf)
					if _, err := ref.run(t, "DEL", id, theirConf); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := modes(t, ours), modes(t, theirs); !slices.Equal(got, want) {
					t.Fatalf("after ADD %d: files\n%q\nthe reference\n%q", i, got, want)
				}
			}
		})
	}
}

// modes lists the files with content and mode, the folder itself first.
func modes(t *testing.T, w world) []string {
	t.Helper()
	var all []string
	for _, file := range append(w.files(t), ".", lockName) {
		name, _, _ := strings.Cut(file, "=")
		info, err := os.Stat(filepath.Join(w.folder, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(info.Mode(), " ", file))
	}
	return all
}

// TestReferenceShared lets both give addresses out of one folder at a time, then each free the other's.
func TestReferenceShared(t *testing.T) {
	ref := buildReference(t)
	w, conf := sharedWorld(t, `"ranges":[[{"subnet":"10.1.2.0/26"}],[{"subnet":"fd00::/64"}]]`)
	const pods = 40
	errs := make(chan error)
	given := make(chan string, pods)
	for i := range pods {
		go func() {
			addrs, err := "", error(nil)
			if i%2 == 0 {
				addrs, err = w.add(t.Context(), fmt.Sprint("c", i), conf, "")
			} else {
				addrs, err = ref.run(t, "ADD", fmt.Sprint("c", i), conf)
			}
			given <- addrs
			errs <- err
		}()
	}
	seen := map[string]bool{}
	for range pods {
		if err := <-errs; err != nil {
			t.Error(err)
		}
		for addr := range strings.FieldsSeq(<-given) {
			if seen[addr] {
				t.Errorf("%s was given twice", addr)
			}
			seen[addr] = true
		}
	}
	if len(seen) != 2*pods {
		t.Errorf("%d addresses, want %d", len(seen), 2*pods)
	}
	for i := range pods {
		go func() {
			if i%2 == 1 {
				errs <- w.Del(t.Context(), &ipam.Request{ContainerID: fmt.Sprint("c", i), IfName: "eth0", Config: conf})
			} else {
				_, err := ref.run(t, "DEL", fmt.Sprint("c", i), conf)
				errs <- err
			}
		}()
	}
	for range pods {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if left := w.files(t); len(left) != 2 {
		t.Errorf("left %q", left)
	}
}

// TestReferenceVerbs crosses over where one verb follows another.
func TestReferenceVerbs(t *testing.T) {
	ref := buildReference(t)
	w, conf := sharedWorld(t, `"subnet":"10.1.2.0/24"`)
	request := &ipam.Request{ContainerID: "c1", IfName: "eth0", Config: conf}
	if _, err := ref.run(t, "ADD", "c1", conf); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(t.Context(), request); err != nil {
		t.Errorf("CHECK of the reference's lease: %v", err)
	}
	if _, err := w.add(t.Context(), "c1", conf, ""); err == nil {
		t.Error("a second ADD after the reference's succeeded")
	}
	if _, err := w.add(t.Context(), "c2", conf, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := ref.run(t, "CHECK", "c2", conf); err != nil {
		t.Errorf("the reference's CHECK of our lease: %v", err)
	}
	if _, err := ref.run(t, "ADD", "c2", conf); err == nil {
		t.Error("the reference's second ADD succeeded")
	}
	if err := w.GC(t.Context(), &ipam.GCRequest{Config: conf, Valid: []ipam.Attachment{{ContainerID: "c2", IfName: "eth0"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := ref.run(t, "CHECK", "c1", conf); err == nil {
		t.Error("the reference still finds the lease that GC freed")
	}
}
