package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// strangerBatch is how many links are asked for in one call: the answers must fit into the socket's buffer.
const strangerBatch = 16

// Strangers takes the names of all links from /proc/net/dev, for which nobody need wait who has RTNL, and asks rtnetlink for those
// only that are not known. A list of rtnetlink takes half as long as to delete all that is in it.
func (n *linuxNetns) Strangers(group uint32, known func(name string) bool) ([]string, error) {
	strangers, err := dump(func() ([]string, error) {
		names, err := n.linkNames()
		if err != nil {
			return nil, err
		}
		return n.inGroup(group, slices.DeleteFunc(names, known))
	})
	if err != nil {
		return nil, fmt.Errorf("look for strangers in link group %d: %w", group, err)
	}
	return strangers, nil
}

func (n *linuxNetns) linkNames() (names []string, err error) {
	var text []byte
	err = n.do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/dev")
		return err
	})
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		// Two lines of headings have no colon. The kernel allows none in a name.
		if name, _, is := strings.Cut(lines.Text(), ":"); is {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names, err
}

// inGroup returns the links that are in a group. One that is not there may have another name by now, which is why all must be
// listed again: the error is that of a list that was interrupted.
func (n *linuxNetns) inGroup(group uint32, names []string) (members []string, err error) {
	for chunk := range slices.Chunk(names, strangerBatch) {
		answers, err := n.route.exchange(linkQuestions(chunk)...)
		if err != nil {
			return nil, err
		}
		for i, a := range answers {
			if errors.Is(a.err, unix.ENODEV) {
				return nil, netlink.ErrDumpInterrupted
			}
			if a.err != nil {
				return nil, a.err
			}
			link, err := netlink.LinkDeserialize(nil, a.data)
			if err != nil {
				return nil, fmt.Errorf("read link %q: %w", chunk[i], err)
			}
			if link.Attrs().Group == group {
				members = append(members, chunk[i])
			}
		}
	}
	return members, nil
}

func linkQuestions(names []string) []*nl.NetlinkRequest {
	questions := make([]*nl.NetlinkRequest, len(names))
	for i, name := range names {
		questions[i] = linkQuestion(name)
	}
	return questions
}
