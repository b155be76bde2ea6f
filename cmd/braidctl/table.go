package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/braid-cni/braid/wire"
)

// podTables writes a heading and a table for each pod.
func podTables(w io.Writer, inspections []*wire.Inspection) error {
	first := true
	for _, inspection := range inspections {
		for _, c := range inspection.Containers {
			if !first {
				fmt.Fprintln(w)
			}
			first = false
			fmt.Fprintln(w, heading(inspection.Node, c))
			if err := interfaceTable(w, c.Interfaces); err != nil {
				return err
			}
		}
	}
	if first {
		_, err := fmt.Fprintln(w, "No pod has a network from Braid here.")
		return err
	}
	return nil
}

// heading says whose the table is, and what is unusual about it.
func heading(node string, c wire.Container) string {
	text := "container " + c.ID
	if c.Pod != "" {
		text = "pod " + c.Namespace + "/" + c.Pod
	}
	if node != "" {
		text += " on " + node
	}
	if !c.Attached {
		text += " (not attached: an ADD is under way or was broken off)"
	}
	return text
}

func interfaceTable(w io.Writer, interfaces []wire.Interface) error {
	table := newTable(w, "NETWORK", "INTERFACE", "ADDRESSES", "MAC", "HOST LINK", "BRIDGE", "MTU", "STATE")
	for _, i := range interfaces {
		table.row(append([]string{i.Network}, interfaceCells(i)...)...)
	}
	return table.Flush()
}

// interfaceCells are the columns from the interface's name to its state.
func interfaceCells(i wire.Interface) []string {
	mtu := ""
	if i.MTU != 0 {
		mtu = strconv.Itoa(i.MTU)
	}
	return []string{i.Name, strings.Join(i.Addresses, ","), i.MAC, i.HostLink, i.Bridge, mtu, i.State}
}

// A table aligns columns the way kubectl does.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer, columns ...string) table {
	t := table{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
	t.row(columns...)
	return t
}

// row writes "-" where there is nothing. Errors come out of Flush.
func (t table) row(cells ...string) {
	for i, cell := range cells {
		if cell == "" {
			cell = "-"
		}
		if i > 0 {
			cell = "\t" + cell
		}
		_, _ = io.WriteString(t, cell)
	}
	_, _ = io.WriteString(t, "\n")
}
