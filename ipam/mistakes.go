package ipam

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
)

// Mistakes collects what is wrong with a configuration, so that its author sees everything at once.
type Mistakes struct {
	all []error
}

// Add notes that field, a path such as "ipam.ranges[0][1].subnet", has a value that is wrong, and why.
func (m *Mistakes) Add(field string, value any, why string) {
	if s, ok := value.(fmt.Stringer); ok {
		value = s.String()
	}
	m.all = append(m.all, fmt.Errorf("%s: %#v %s", field, value, why))
}

// Len is the number of mistakes so far.
func (m *Mistakes) Len() int { return len(m.all) }

// Err returns nil, or one error of code 7 (invalid network config) that names every mistake after what, the
// object they were found in.
func (m *Mistakes) Err(what string) error {
	if len(m.all) == 0 {
		return nil
	}
	lines := make([]string, len(m.all))
	for i, err := range m.all {
		lines[i] = err.Error()
	}
	return Errorf(types.ErrInvalidNetworkConfig, "%s: %s", what, strings.Join(lines, "; "))
}

// Decode unmarshals the JSON object that stands at field into the struct that into points to. Values of a wrong
// type and keys that the struct does not know are noted as mistakes; the rest is decoded.
func (m *Mistakes) Decode(field string, data []byte, into any) {
	m.DecodeKnown(field, data, into)
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return
	}
	known := jsonKeys(reflect.TypeOf(into).Elem())
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !known[strings.ToLower(key)] {
			m.Add(join(field, key), string(keys[key]), "stands in a field that does not exist: remove it or mend its name")
		}
	}
}

// DecodeKnown is Decode that leaves unknown keys alone.
func (m *Mistakes) DecodeKnown(field string, data []byte, into any) {
	err := json.Unmarshal(data, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		m.Add(join(field, wrong.Field), wrong.Value, "has the wrong type: write "+jsonKind(wrong.Type))
	default:
		m.Add(field, string(data), err.Error())
	}
}

// Routes reads the routes of a configuration that stand at field, and notes those that are none.
func (m *Mistakes) Routes(field string, raw []json.RawMessage) []*types.Route {
	var routes []*types.Route
	for i, r := range raw {
		route := new(types.Route)
		if err := json.Unmarshal(r, route); err != nil {
			m.Add(fmt.Sprintf("%s[%d]", field, i), string(r), "is no route: "+err.Error())
			continue
		}
		routes = append(routes, route)
	}
	return routes
}

// join puts a field's path together; either part may be empty.
func join(parent, child string) string {
	if parent == "" || child == "" {
		return parent + child
	}
	return parent + "." + child
}

// jsonKind is what a Go type is called in JSON.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	}
	return "a number"
}

// jsonKeys are the keys of a struct in lower case, because encoding/json takes them in any case.
func jsonKeys(t reflect.Type) map[string]bool {
	keys := map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" && tag != "-" {
			keys[strings.ToLower(tag)] = true
		}
	}
	return keys
}
