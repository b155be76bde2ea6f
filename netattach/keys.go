package netattach

import netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

// Annotations of pods.
const (
	// NetworksAnnotation selects a pod's networks (clause 9).
	NetworksAnnotation = netv1.NetworkAttachmentAnnot
	// StatusAnnotation is where Status is published (clause 40).
	StatusAnnotation = netv1.NetworkStatusAnnot
	// DefaultNetworkAnnotation replaces the cluster network of one pod; Multus's key.
	DefaultNetworkAnnotation = "v1.multus-cni.io/default-network"
)

// ResourceNameAnnotation on a NAD names the device plugin resource whose device an attachment gets.
const ResourceNameAnnotation = "k8s.v1.cni.cncf.io/resourceName"

// Capabilities that an element of the networks annotation can ask for: keys of a plugin's "capabilities" and of its
// "runtimeConfig" (CNI CONVENTIONS.md).
const (
	CapabilityIPs            = "ips"
	CapabilityMAC            = "mac"
	CapabilityPortMappings   = "portMappings"
	CapabilityBandwidth      = "bandwidth"
	CapabilityInfinibandGUID = "infinibandGUID"
	CapabilityDeviceID       = "deviceID"
)

// selectable are the capabilities an element can ask for, in the order in which they are checked.
var selectable = [...]string{
	CapabilityIPs, CapabilityMAC, CapabilityPortMappings, CapabilityBandwidth, CapabilityInfinibandGUID,
	CapabilityDeviceID,
}

// Limits on what a person writes: bytes of an annotation (Kubernetes itself caps all of an object at 256 KiB), its
// elements, and the entries of a list in an element; and bytes of a NAD's configuration, which each pod that uses it has
// on disk once for each interface.
const (
	maxAnnotation = 256 << 10
	maxNetworks   = 64
	maxEntries    = 256
	maxSpecConfig = 64 << 10
)

// Types of a meta plugin's configuration that ParseConfig takes.
const (
	TypeBraid      = "braid"
	TypeMultus     = "multus"
	TypeMultusShim = "multus-shim"
)
