package netattach

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// ports validates portMappings (clause 25).
func (r report) ports(raws []json.RawMessage) []*netv1.PortMapEntry {
	if len(raws) == 0 {
		r.add("is empty: list at least one mapping, or leave it out")
	}
	seen := map[string]bool{}
	return readEach(r, raws, func(r report, raw json.RawMessage) (*netv1.PortMapEntry, bool) {
		p, ok := r.portMapping(raw)
		if !ok {
			return nil, false
		}
		if seen[portName(p)] {
			r.add("%s is mapped twice: keep one", portName(p))
		}
		seen[portName(p)] = true
		return p, true
	})
}

func (r report) portMapping(data []byte) (*netv1.PortMapEntry, bool) {
	before := r.count()
	o, err := parseObject(data)
	if err != nil {
		r.add("%w", err)
		return nil, false
	}
	var host, container *int64
	var protocol, hostIP *string
	r.readStrict(o, map[string]any{
		"hostPort": &host, "containerPort": &container, "protocol": &protocol, "hostIP": &hostIP,
	})
	p := &netv1.PortMapEntry{
		HostPort:      r.port(o, "hostPort", host),
		ContainerPort: r.port(o, "containerPort", container),
		Protocol:      r.protocol(protocol),
		HostIP:        r.hostIP(hostIP),
	}
	return p, r.count() == before
}

func (r report) port(o object, key string, value *int64) int {
	switch {
	case value == nil && !o.has(key):
		r.add("has no %s: give a port from 1 to 65535", key)
	case value != nil && (*value < 1 || *value > 65535):
		r.add("%s: %d is not a port: give one from 1 to 65535", key, *value)
	case value != nil:
		return int(*value)
	}
	return 0
}

func (r report) protocol(value *string) string {
	if value == nil {
		return "tcp"
	}
	p := strings.ToLower(*value)
	if !slices.Contains([]string{"tcp", "udp", "sctp"}, p) {
		r.add("protocol: %s is not TCP, UDP or SCTP", quote(*value))
	}
	return p
}

// hostIP may be the unspecified address, which stands for every address of the node.
func (r report) hostIP(value *string) string {
	if value == nil || *value == "" {
		return ""
	}
	if addr, err := netip.ParseAddr(*value); err != nil || addr.Zone() != "" {
		r.add("hostIP: %s is not an IPv4 or IPv6 address", quote(*value))
	}
	return *value
}

func portName(p *netv1.PortMapEntry) string {
	if p.HostIP == "" {
		return fmt.Sprintf("hostPort %d/%s", p.HostPort, p.Protocol)
	}
	return fmt.Sprintf("hostPort %d/%s of %s", p.HostPort, p.Protocol, p.HostIP)
}

// bandwidth validates the shaping of an attachment, rates in bit/s and bursts in bits (clause 28). A rate without
// a burst gets a burst of one second's worth, at most 2^32-1 bits (clause 30 allows a default; plugins demand one).
func (r report) bandwidth(o object) *netv1.BandwidthEntry {
	before := r.count()
	var in, inBurst, out, outBurst *int64
	r.readStrict(o, map[string]any{
		"ingressRate": &in, "ingressBurst": &inBurst, "egressRate": &out, "egressBurst": &outBurst,
	})
	if in == nil && inBurst == nil && out == nil && outBurst == nil && r.count() == before {
		r.add("is empty: give ingressRate or egressRate, or leave it out")
	}
	var b netv1.BandwidthEntry
	b.IngressRate, b.IngressBurst = r.shape("ingress", in, inBurst, o)
	b.EgressRate, b.EgressBurst = r.shape("egress", out, outBurst, o)
	return &b
}

func (r report) positive(key string, value *int64) {
	if value != nil && *value < 1 {
		r.add("%s: %d is not a positive number", key, *value)
	}
}

func (r report) shape(direction string, rate, burst *int64, o object) (int, int) {
	r.positive(direction+"Rate", rate)
	r.positive(direction+"Burst", burst)
	if burst != nil && !o.has(direction+"Rate") {
		r.add("%sBurst needs %sRate: give the rate in bit/s", direction, direction)
	}
	switch {
	case rate == nil:
		return 0, 0
	case burst == nil:
		return int(*rate), int(min(*rate, math.MaxUint32))
	}
	return int(*rate), int(*burst)
}
