package agentconfig

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	sjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Mistakes are all the mistakes found in a file.
type Mistakes []error

// Error lists the mistakes on one line.
func (m Mistakes) Error() string {
	if len(m) == 1 {
		return m[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d mistakes", len(m))
	for i, err := range m {
		fmt.Fprintf(&b, "; (%d) %v", i+1, err)
	}
	return b.String()
}

// Unwrap makes errors.Is and errors.As look at every mistake.
func (m Mistakes) Unwrap() []error { return m }

// Parse reads a file, YAML or JSON. Keys count in the upper and lower case in which they are documented. The error is
// Mistakes, with all that is wrong.
func Parse(data []byte) (Config, error) {
	top, err := document(data)
	if err != nil {
		return Config{}, fmt.Errorf("read the AgentConfiguration: %w", Mistakes{err})
	}
	file := new(AgentConfiguration)
	found := file.fill(top)
	if file.APIVersion != APIVersion || file.Kind != Kind {
		found = append(Mistakes{fmt.Errorf("apiVersion %q, kind %q: write apiVersion: %s and kind: %s",
			file.APIVersion, file.Kind, APIVersion, Kind)}, found...)
	}
	c, invalid := file.config()
	if found = append(found, invalid...); len(found) > 0 {
		return Config{}, fmt.Errorf("read the AgentConfiguration: %w", found)
	}
	return c, nil
}

// document takes the one YAML document apart, by key.
func document(data []byte) (map[string]json.RawMessage, error) {
	docs, err := documents(data)
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, fmt.Errorf("%d YAML documents: write one", len(docs))
	}
	text, err := yaml.YAMLToJSONStrict(docs[0])
	if err != nil {
		return nil, err
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil || top == nil {
		return nil, errors.New("not a YAML mapping: write apiVersion, kind and the keys that differ from their defaults")
	}
	return top, nil
}

// documents are those with more in them than comments.
func documents(data []byte) (docs [][]byte, err error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		var content any
		if err := yaml.Unmarshal(doc, &content); err != nil {
			return nil, err
		}
		if content != nil {
			docs = append(docs, doc)
		}
	}
}

// fill decodes one key after another, so that a mistake in one hides none of another.
func (f *AgentConfiguration) fill(top map[string]json.RawMessage) (found Mistakes) {
	for _, key := range slices.Sorted(maps.Keys(top)) {
		var inner map[string]json.RawMessage
		if !slices.Contains([]string{"paths", "plugins", "tenants", "host"}, key) || json.Unmarshal(top[key], &inner) != nil {
			found = append(found, f.set(top[key], key)...)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(inner)) {
			found = append(found, f.set(inner[name], key, name)...)
		}
	}
	return found
}

// set decodes the value of one key, which may be that of an object inside the file.
func (f *AgentConfiguration) set(text json.RawMessage, path ...string) (found Mistakes) {
	for _, key := range slices.Backward(path) {
		text, _ = json.Marshal(map[string]json.RawMessage{key: text}) // cannot fail: it was read as JSON
	}
	// Tried aside first: a value of the wrong type would leave a zero behind, which is another mistake then.
	strict, err := sjson.UnmarshalStrict(text, new(AgentConfiguration))
	if err == nil {
		err = sjson.UnmarshalCaseSensitivePreserveInts(text, f)
	}
	if mismatch := new(json.UnmarshalTypeError); errors.As(err, &mismatch) {
		err = fmt.Errorf("want %s, have %s", kindOf(mismatch.Type.String()), kindOf(mismatch.Value))
	}
	if err != nil {
		found = append(found, fmt.Errorf("%s: %w", strings.Join(path, "."), err))
	}
	for _, err := range strict {
		found = append(found, fmt.Errorf("%w: see the reference for the keys that there are", err))
	}
	return found
}

// kindOf is a type, in the words of Go or JSON, in those of YAML.
func kindOf(typ string) string {
	switch {
	case typ == "bool":
		return "true or false"
	case typ == "array" || strings.HasPrefix(typ, "[]"):
		return "a list"
	case typ == "object" || strings.HasPrefix(typ, "agentconfig."):
		return "a mapping"
	}
	return "a " + typ
}
