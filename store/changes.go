package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// changes are new records by key, nil for one that is dropped.
type changes map[string][]byte

// encode writes for each change, in the order of the keys: 1 if there is a record, else 0; the key; the record. Strings
// have their length before them, as a varint.
func (c changes) encode() (b []byte) {
	for _, key := range slices.Sorted(maps.Keys(c)) {
		record := c[key]
		if record == nil {
			b = appendString(append(b, 0), key)
			continue
		}
		b = appendString(append(b, 1), key)
		b = appendString(b, record)
	}
	return b
}

func appendString[S string | []byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errChanges = errors.New("changes that nobody has written")

// decode adds what encode wrote to c.
func (c changes) decode(b []byte) error {
	for len(b) > 0 {
		kept := b[0] == 1
		key, rest, ok := cutString(b[1:])
		if !ok {
			return errChanges
		}
		var record []byte
		if kept {
			if record, rest, ok = cutString(rest); !ok {
				return errChanges
			}
		}
		c[string(key)], b = bytes.Clone(record), rest
	}
	return nil
}

// cutString returns the string that b begins with, which is not nil, and the rest.
func cutString(b []byte) (s, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return b[n:end:end], b[end:], true
}
