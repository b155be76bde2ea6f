package kernel

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (n *linuxNetns) Neighbours(link int) ([]Neighbour, error) {
	h, err := n.handle()
	if err != nil {
		return nil, err
	}
	found, err := dump(func() ([]netlink.Neigh, error) {
		return h.NeighList(link, netlink.FAMILY_ALL)
	})
	if err != nil {
		return nil, fmt.Errorf("list neighbours of link %d: %w", link, err)
	}
	var neighbours []Neighbour
	for _, e := range found {
		if e.State&netlink.NUD_PERMANENT != 0 && e.IP != nil {
			neighbours = append(neighbours, Neighbour{Link: link, Addr: address(e.IP), MAC: e.HardwareAddr})
		}
	}
	return neighbours, nil
}

func (n *linuxNetns) SetNeighbour(e Neighbour) error {
	h, err := n.handle()
	if err != nil {
		return err
	}
	err = n.change("set neighbour", func() error { return h.NeighSet(toNeighbour(e)) })
	if err != nil {
		return fmt.Errorf("set neighbour %s of link %d: %w", e.Addr, e.Link, err)
	}
	return nil
}

func (n *linuxNetns) DelNeighbour(e Neighbour) error {
	h, err := n.handle()
	if err != nil {
		return err
	}
	err = n.change("delete neighbour", func() error { return h.NeighDel(toNeighbour(e)) })
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete neighbour %s of link %d: %w", e.Addr, e.Link, err)
	}
	return nil
}

func toNeighbour(e Neighbour) *netlink.Neigh {
	return &netlink.Neigh{
		LinkIndex: e.Link, IP: e.Addr.AsSlice(), HardwareAddr: e.MAC, State: netlink.NUD_PERMANENT,
	}
}
