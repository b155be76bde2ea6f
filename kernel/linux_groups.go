package kernel

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// groupBatch is how many links go into a group in one call: the answers must fit into the socket's buffer.
const groupBatch = 64

// SetGroup goes on with the links that are left when one cannot be moved, and reports the first that cannot.
func (n *linuxNetns) SetGroup(group uint32, names []string) (found []string, err error) {
	for len(names) > 0 && err == nil {
		chunk := names[:min(groupBatch, len(names))]
		names = names[len(chunk):]
		var there []string
		there, err = n.setGroup(group, chunk)
		found = append(found, there...)
	}
	return append(found, names...), err
}

func (n *linuxNetns) setGroup(group uint32, names []string) (found []string, err error) {
	var answers []answer
	err = n.change("set link group", func() (err error) {
		answers, err = n.route.exchange(groupMessages(group, names)...)
		return err
	})
	if err != nil {
		return names, fmt.Errorf("put links into group %d: %w", group, err)
	}
	for i, a := range answers {
		if errors.Is(a.err, unix.ENODEV) {
			continue
		}
		found = append(found, names[i])
		if a.err != nil && err == nil {
			err = fmt.Errorf("put link %q into group %d: %w", names[i], group, a.err)
		}
	}
	return found, err
}

func groupMessages(group uint32, names []string) []*nl.NetlinkRequest {
	messages := make([]*nl.NetlinkRequest, len(names))
	for i, name := range names {
		messages[i] = message(unix.RTM_SETLINK, 0)
		messages[i].AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		messages[i].AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
		messages[i].AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	}
	return messages
}
