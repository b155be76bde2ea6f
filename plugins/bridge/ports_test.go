package bridge

import "testing"

func TestPorts(t *testing.T) {
	var p ports
	p.drop("br0", "a") // of a process before this one
	if p.any("br0") {
		t.Error("a port that nobody made")
	}
	p.add("br0", "a")
	p.add("br0", "b")
	p.add("br1", "c")
	p.drop("br0", "a")
	p.drop("br1", "c")
	if !p.any("br0") || p.any("br1") {
		t.Errorf("known are %v", p.known)
	}
	p.add("br0", "went")
	p.keep("br0", func(link string) bool { return link == "b" })
	p.keep("br2", func(string) bool { return false })
	if p.drop("br0", "b"); len(p.known) != 0 {
		t.Errorf("known are %v", p.known)
	}
}
