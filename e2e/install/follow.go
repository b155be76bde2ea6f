package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
)

// settings are an AgentConfiguration, by key.
type settings map[string]any

// follow waits until a node's agent has made of the AgentConfiguration what it comes to, and the runtime uses that.
func follow(ctx context.Context, n *cluster.Node, text string) error {
	want, err := complete(ctx, text)
	if err != nil {
		return err
	}
	if want.host("conflist") == "" {
		return Absent(ctx, n, Conflist)
	}
	file := path.Join(want.host("confDir"), want.host("conflist"))
	if err := until(ctx, file+" of "+n.Name+" to follow the AgentConfiguration", func() (bool, error) { return want.in(n.Path(file)) }); err != nil {
		return err
	}
	return n.WaitUses(ctx, file)
}

// Absent waits until a file is not on a node.
func Absent(ctx context.Context, n *cluster.Node, file string) error {
	return until(ctx, file+" to go from "+n.Name, func() (bool, error) {
		_, err := os.Stat(n.Path(file))
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	})
}

// complete is an AgentConfiguration with the defaults of the reference for what it leaves out.
func complete(ctx context.Context, text string) (settings, error) {
	checkout, err := binaries.Checkout(ctx)
	if err != nil {
		return nil, err
	}
	reference, err := os.ReadFile(filepath.Join(checkout, "deploy", "reference.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the defaults of AgentConfiguration: %w", err)
	}
	all, own := settings{}, settings{}
	if err := errors.Join(yaml.Unmarshal(reference, &all), yaml.Unmarshal([]byte(text), &own)); err != nil {
		return nil, fmt.Errorf("read an AgentConfiguration: %w", err)
	}
	for key, value := range own {
		object, isObject := value.(map[string]any)
		if defaults, both := all[key].(map[string]any); both && isObject {
			maps.Copy(defaults, object)
			continue
		}
		all[key] = value
	}
	if all["clusterNetwork"] == "auto" {
		all["clusterNetwork"] = all.host("confDir")
	}
	return all, nil
}

// host is one of the node's folders and files.
func (s settings) host(key string) string {
	host, _ := s["host"].(map[string]any)
	value, _ := host[key].(string)
	return value
}

// in says whether Braid's CNI configuration has these settings: those keys that both have must agree.
func (s settings) in(file string) (bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	var list struct{ Plugins []map[string]any }
	if err := json.Unmarshal(text, &list); err != nil {
		return false, err
	}
	for _, plugin := range list.Plugins {
		for key, have := range plugin {
			if want, there := s[key]; there && !same(want, have) {
				return false, fmt.Errorf("%s is %v, want %v", key, have, want)
			}
		}
	}
	return true, nil
}

// same compares values of a configuration; durations may be written in two ways.
func same(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	one, oneErr := time.ParseDuration(fmt.Sprint(a))
	two, twoErr := time.ParseDuration(fmt.Sprint(b))
	return oneErr == nil && twoErr == nil && one == two
}
