package netattach

import (
	"errors"
	"testing"
)

func TestDiskByName(t *testing.T) {
	const dir = "/c"
	for _, test := range []struct {
		name     string
		files    []File
		want     string
		mistakes []string
	}{
		{name: "clause 6: a list before a configuration, whatever the file names", files: []File{
			{Path: "/c/0.conf", Content: []byte(`{"name":"a","type":"conf"}`)}, {Path: "/c/9.conflist", Content: []byte(`{"name":"a","plugins":[{"type":"list"}]}`)}},
			want: `{"name":"a","plugins":[{"type":"list"}]}`},
		{name: "clause 6: then a configuration", files: []File{
			{Path: "/c/1.json", Content: []byte(`{"name":"a","type":"json"}`)}, {Path: "/c/0.conflist", Content: []byte(`{"name":"b","plugins":[{"type":"list"}]}`)}},
			want: `{"name":"a","plugins":[{"name":"a","type":"json"}]}`},
		{name: "lexical order", files: []File{
			{Path: "/c/2.conf", Content: []byte(`{"name":"a","type":"two"}`)}, {Path: "/c/1.conf", Content: []byte(`{"name":"a","type":"one"}`)}},
			want: `{"name":"a","plugins":[{"name":"a","type":"one"}]}`},
		{name: "a broken file does not end the search", files: []File{
			{Path: "/c/1.conf", Content: []byte(`{`)}, {Path: "/c/2.conf", Err: errors.New("permission denied")}, {Path: "/c/3.conf", Content: []byte(`{"name":"a","type":"x"}`)}},
			want: `{"name":"a","plugins":[{"name":"a","type":"x"}]}`},
		{name: "but is named when nothing is found", files: []File{
			{Path: "/c/1.conf", Content: []byte(`{`)}, {Path: "/c/2.conf", Err: errors.New("permission denied")}, {Path: "/c/3.txt", Content: []byte(`{"name":"a","type":"x"}`)}},
			mistakes: []string{`no configuration named "a" in "/c"; not readable: file "/c/1.conf": broken JSON: unexpected end of JSON input at byte 1, file "/c/2.conf": permission denied`}},
		{name: "plugins in the folder of the network's name", files: []File{
			{Path: "/c/1.conflist", Content: []byte(`{"name":"a","plugins":[{"type":"x"}]}`)}, {Path: "/c/a/2.conf", Content: []byte(`{"type":"z"}`)},
			{Path: "/c/a/1.conf", Content: []byte(`{"type":"y"}`)}, {Path: "/c/b/1.conf", Content: []byte(`{"type":"w"}`)}, {Path: "/c/a/1.conflist"}},
			want: `{"loadOnlyInlinedPlugins":true,"name":"a","plugins":[{"type":"x"},{"type":"y"},{"type":"z"}]}`},
		{name: "only plugins in the folder", files: []File{
			{Path: "/c/1.conflist", Content: []byte(`{"name":"a"}`)}, {Path: "/c/a/1.conf", Content: []byte(`{"type":"y"}`)}},
			want: `{"loadOnlyInlinedPlugins":true,"name":"a","plugins":[{"type":"y"}]}`},
		{name: "loadOnlyInlinedPlugins", files: []File{
			{Path: "/c/1.conflist", Content: []byte(`{"name":"a","loadOnlyInlinedPlugins":"True","plugins":[{"type":"x"}]}`)}, {Path: "/c/a/1.conf", Content: []byte(`{"type":"y"}`)}},
			want: `{"loadOnlyInlinedPlugins":"True","name":"a","plugins":[{"type":"x"}]}`},
		{name: "broken plugin file", files: []File{
			{Path: "/c/1.conflist", Content: []byte(`{"name":"a","plugins":[{"type":"x"}]}`)}, {Path: "/c/a/1.conf", Content: []byte(`[]`)}},
			mistakes: []string{`plugin file "/c/a/1.conf": cannot be read`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Disk{dir: test.files}.byName(dir, "a")
			checkMistakes(t, err, test.mistakes)
			if err == nil {
				checkText(t, string(l.encode()), test.want)
			}
		})
	}
}

func TestDiskAt(t *testing.T) {
	const (
		ours  = `{"name":"braid","plugins":[{"type":"braid"}]}`
		other = `{"name":"x","cniVersion":"1.0.0","plugins":[{"type":"x"}]}`
	)
	for _, test := range []struct {
		name, path string
		files      []File
		want       string
		mistakes   []string
	}{
		{name: "file", path: "/n/1.conflist", files: []File{{Path: "/n/1.conflist", Content: []byte(other)}}, want: `{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"x"}]}`},
		{name: "file of any suffix", path: "/n/1.saved", files: []File{{Path: "/n/1.saved", Content: []byte(other)}}, want: `{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"x"}]}`},
		{name: "file of ours", path: "/n/1.conflist", files: []File{{Path: "/n/1.conflist", Content: []byte(ours)}}, mistakes: []string{`"/n/1.conflist" is the file of a meta plugin`}},
		{name: "no file", path: "/n/1.conflist", mistakes: []string{`no CNI configuration at "/n/1.conflist": install`}},
		{name: "broken file", path: "/n/1.conflist", files: []File{{Path: "/n/1.conflist", Content: []byte("{")}}, mistakes: []string{`no usable CNI configuration at "/n/1.conflist"; not readable: file`}},
		{name: "folder: the first that is not ours", path: "/n", files: []File{
			{Path: "/n/2.conf", Content: []byte(`{"type":"z","name":"z"}`)}, {Path: "/n/1.conf", Content: []byte(`{"type":"y","name":"y"}`)},
			{Path: "/n/00-braid.conflist", Content: []byte(ours)}, {Path: "/n/00-multus.conf", Content: []byte(`{"type":"multus"}`)}, {Path: "/n/0.bak", Content: []byte(`{"type":"w"}`)}},
			want: `{"name":"y","plugins":[{"name":"y","type":"y"}]}`},
		{name: "folder: only ours", path: "/n", files: []File{{Path: "/n/00-braid.conflist", Content: []byte(ours)}}, mistakes: []string{`no usable CNI configuration at "/n"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Disk{test.path: test.files}.at(test.path)
			checkMistakes(t, err, test.mistakes)
			if err == nil {
				checkText(t, string(l.encode()), test.want)
			}
		})
	}
}

func TestErrNotOnDisk(t *testing.T) {
	for _, test := range []struct {
		name  string
		scene scene
		want  bool
	}{
		{"clause 6: no file of a NAD's name", scene{config: main, networks: "a", nads: map[string]string{"ns/a": ""}}, true},
		{"no cluster network yet", scene{config: `,"clusterNetwork":"/etc/cni/net.d"`}, true},
		{"no NAD", scene{config: main, networks: "a"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := NewPlan(test.scene.input(t)); errors.Is(err, ErrNotOnDisk) != test.want {
				t.Errorf("is ErrNotOnDisk: %t: %v", !test.want, err)
			}
		})
	}
}
