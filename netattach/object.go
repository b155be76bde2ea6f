package netattach

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// An object is a JSON object whose values are kept as they were written.
type object map[string]json.RawMessage

// parseObject reads a JSON object.
func parseObject(data []byte) (object, error) {
	var o object
	if err := decode(data, &o); err != nil {
		return nil, err
	}
	return o, nil
}

// decode is json.Unmarshal that keeps numbers as written, takes null for a mistake, and says what it wanted. It
// reads into pointers to: string, *string, []string, bool, int64, object, []json.RawMessage, or anything else.
func decode(data []byte, into any) error {
	if !json.Valid(data) {
		return fmt.Errorf("broken JSON: %s", syntaxError(data))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil || isNull(data) {
		return fmt.Errorf("want %s, have %s", wanted(into), quote(data))
	}
	return nil
}

func isNull(data []byte) bool { return string(bytes.TrimSpace(data)) == "null" }

// syntaxError describes why data is not JSON; encoding/json quotes the characters it names.
func syntaxError(data []byte) string {
	var v any
	err := json.Unmarshal(data, &v)
	if syntax, ok := err.(*json.SyntaxError); ok {
		return fmt.Sprintf("%v at byte %d", syntax, syntax.Offset)
	}
	return fmt.Sprint(err)
}

func wanted(into any) string {
	switch into.(type) {
	case *string, **string:
		return "a string"
	case *[]string, **[]string:
		return "a list of strings"
	case *bool, **bool:
		return "true or false"
	case *int64, **int64:
		return "a whole number"
	case *[]json.RawMessage:
		return "a list"
	case *nameList:
		return "a list of strings, or one string with commas"
	}
	return "an object"
}

// has says whether key is there with another value than null.
func (o object) has(key string) bool {
	raw, found := o[key]
	return found && !isNull(raw)
}

// read decodes values of o, each into the target of the same key, so that one mistake does not hide the next. A
// null counts as an absent key, and a target whose value cannot be decoded stays as it was. It returns the keys without a target, sorted.
func (r report) read(o object, targets map[string]any) (unknown []string) {
	for _, key := range slices.Sorted(maps.Keys(o)) {
		target, known := targets[key]
		switch {
		case !known:
			unknown = append(unknown, key)
		case isNull(o[key]):
		default:
			fresh := reflect.New(reflect.TypeOf(target).Elem())
			if err := decode(o[key], fresh.Interface()); err != nil {
				r.add("%s: %w", key, err)
				continue
			}
			reflect.ValueOf(target).Elem().Set(fresh.Elem())
		}
	}
	return unknown
}

// readStrict is read for objects in annotations, where a key without a dot is reserved by the standard (clause 11).
func (r report) readStrict(o object, targets map[string]any) {
	for _, key := range r.read(o, targets) {
		if strings.Contains(key, ".") {
			continue
		}
		if like := folded(key, maps.Keys(targets)); like != "" {
			r.add("unknown key %s: did you mean %q?", quote(key), like)
			continue
		}
		r.add("unknown key %s: remove it, or give a key of your own a reverse-DNS name with a dot", quote(key))
	}
}

// folded returns the candidate that differs from key in upper and lower case only, or "".
func folded(key string, candidates iter.Seq[string]) string {
	for c := range candidates {
		if strings.EqualFold(c, key) {
			return c
		}
	}
	return ""
}

// repeatedKeys returns the keys that stand more than once in one object anywhere in data, which must be valid JSON.
// Which of the values counts differs from reader to reader, so a check of one says nothing about the other.
func repeatedKeys(data []byte) []string {
	var repeated []string
	var open []map[string]bool // one per open object or list; nil for a list
	d := json.NewDecoder(bytes.NewReader(data))
	for isKey := false; ; {
		token, err := d.Token()
		if err != nil {
			return repeated
		}
		switch t := token.(type) {
		case json.Delim:
			open = follow(open, t)
		case string:
			if isKey && open[len(open)-1][t] {
				repeated = append(repeated, t)
			}
			if isKey {
				open[len(open)-1][t] = true
				isKey = false
				continue
			}
		}
		isKey = len(open) > 0 && open[len(open)-1] != nil
	}
}

// unprintable returns the keys and texts anywhere in data, which must be valid JSON, that are not to be shown as they are.
func unprintable(data []byte) (all []string) {
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if err != nil {
			return all
		}
		text, _ := token.(string)
		if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
			all = append(all, text)
		}
	}
}

func follow(open []map[string]bool, delim json.Delim) []map[string]bool {
	switch delim {
	case '{':
		return append(open, map[string]bool{})
	case '[':
		return append(open, nil)
	}
	return open[:len(open)-1]
}
