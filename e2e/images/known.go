package images

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Names of the images that every node of the test cluster has.
const (
	PauseName   = "localhost/pause:1"
	BusyboxName = "localhost/busybox:1"
)

// Pause is the image of every pod's first process, from the program at file.
func Pause(file string) Image {
	return Image{Name: PauseName, Entrypoint: []string{"/pause"}, Files: []File{{Path: "pause", From: file}}}
}

// Busybox is the image of test pods, with a link for each applet of the statically linked busybox at file.
func Busybox(ctx context.Context, file string) (Image, error) {
	list, err := exec.CommandContext(ctx, file, "--list").Output()
	if err != nil {
		return Image{}, fmt.Errorf("list applets of %s: %w", file, err)
	}
	files := []File{{Path: "tmp", Dir: true}, {Path: "bin/busybox", From: file}}
	for applet := range strings.FieldsSeq(string(bytes.TrimSpace(list))) {
		if applet != "busybox" {
			files = append(files, File{Path: "bin/" + applet, Link: "busybox"})
		}
	}
	return Image{
		Name: BusyboxName, Entrypoint: []string{"/bin/sleep", "1000000"}, Files: files,
		StopSignal: "SIGKILL", // a shell or sleep as first process ignores SIGTERM, and would be waited for
	}, nil
}
