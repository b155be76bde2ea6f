package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	// logSize is the size of the log in bytes: what some 200 pods write that come and go.
	logSize = 1 << 20
	// frameHead is the size of a frame without its changes.
	frameHead = 16
)

// errLogFull means that a frame does not fit into what is left of the log.
var errLogFull = errors.New("the log is full")

// A log is a file in front of that of bbolt. A change is durable once it is in the log, for which one wait for the disk does; a
// transaction of bbolt takes two. A full log is emptied into bbolt's file, and begins anew as another generation: frames of
// the generations before are then no part of it. The file has its full size from the first, so that nothing but data is written.
//
// Frames follow each other from the first byte on. Numbers are big-endian:
//
//	4 bytes  CRC-32C of what follows
//	4 bytes  size of the changes
//	8 bytes  generation
//	changes
type log struct {
	file       *os.File
	generation uint64
	// end is where the next frame goes.
	end int
}

// openLog opens or makes the log at path, and returns the changes of every frame of a generation, in order. A frame that the power
// cut off is the last, and none; where others follow one that is no frame, the log is damaged, and it fails.
func openLog(path string, generation uint64) (*log, [][]byte, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	l := &log{file: file, generation: generation}
	frames, err := l.recover()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return l, frames, nil
}

func (l *log) recover() (frames [][]byte, err error) {
	if err := l.allocate(); err != nil {
		return nil, err
	}
	content := make([]byte, logSize)
	if _, err := l.file.ReadAt(content, 0); err != nil {
		return nil, err
	}
	for changes := l.frameAt(content); changes != nil; changes = l.frameAt(content[l.end:]) {
		frames = append(frames, changes)
		l.end += frameHead + len(changes)
	}
	if at := l.search(content[l.end:]); at >= 0 {
		return nil, fmt.Errorf("%s is damaged: byte %d begins no frame, and one follows at byte %d. "+
			"Without this file the agent knows what it knew when it was last emptied; move it away to go on with that", l.file.Name(), l.end, l.end+at)
	}
	return frames, nil
}

// allocate writes zeros up to the full size, and waits until the file is on disk, with its name.
func (l *log) allocate() error {
	info, err := l.file.Stat()
	if err != nil || info.Size() >= logSize {
		return err
	}
	if _, err := l.file.WriteAt(make([]byte, logSize-info.Size()), info.Size()); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(l.file.Name()))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// frameAt returns the changes of the frame that b begins with, nil if there is none of this generation.
func (l *log) frameAt(b []byte) []byte {
	if len(b) < frameHead || binary.BigEndian.Uint64(b[8:]) != l.generation {
		return nil
	}
	end := frameHead + uint64(binary.BigEndian.Uint32(b[4:]))
	if end > uint64(len(b)) || checksum(b[4:end]) != binary.BigEndian.Uint32(b) {
		return nil
	}
	return b[frameHead:end:end]
}

// search returns where the first frame of this generation is, -1 if there is none.
func (l *log) search(b []byte) int {
	mark := binary.BigEndian.AppendUint64(nil, l.generation)
	for from := 0; ; {
		at := bytes.Index(b[from:], mark)
		if at < 0 {
			return -1
		}
		from += at + 1
		if begin := from - 1 - 8; begin >= 0 && l.frameAt(b[begin:]) != nil {
			return begin
		}
	}
}

// append returns when the changes are on disk. When it fails they may be, and the next frame takes their place.
func (l *log) append(changes []byte) error {
	if l.end+frameHead+len(changes) > logSize {
		return errLogFull
	}
	frame := make([]byte, 4, frameHead+len(changes))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(changes)))
	frame = binary.BigEndian.AppendUint64(frame, l.generation)
	frame = append(frame, changes...)
	binary.BigEndian.PutUint32(frame, checksum(frame[4:]))
	if _, err := l.file.WriteAt(frame, int64(l.end)); err != nil {
		return fmt.Errorf("write %s: %w", l.file.Name(), err)
	}
	if err := unix.Fdatasync(int(l.file.Fd())); err != nil {
		return fmt.Errorf("write %s to disk: %w", l.file.Name(), err)
	}
	l.end += len(frame)
	return nil
}

// begin begins the next generation.
func (l *log) begin(generation uint64) { l.generation, l.end = generation, 0 }

func (l *log) close() error { return l.file.Close() }

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
