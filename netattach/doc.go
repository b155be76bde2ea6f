// Package netattach says what a pod asks for. It reads the pod's annotations, the NetworkAttachmentDefinitions
// (NADs) they name and the configuration the runtime gave, and answers with a Plan: the ordered list of
// attachments, each with interface name, complete CNI configuration list, capability arguments, CNI_ARGS and the
// fate of its default routes. It also writes the answer that is published, the network-status annotation.
//
// The package is pure: no files, no kernel, no clock, no API server. A caller asks References what to fetch, puts
// what it found into an Input, and repeats until References names nothing new (a NAD without a configuration of
// its own sends the search to the disk). Then NewPlan decides. See the example.
//
// Clauses are those of the Kubernetes Network Custom Resource Definition De-facto Standard v1.3 (NPWG), counted as
// in Braid's checklist; each has a test that bears its number.
//
// Every mistake a person made is reported at once, as Mistakes. Text that a person wrote stands in them quoted and
// shortened, so that it can neither flood nor rewrite a terminal.
//
// Where the package is stricter than the standard: a mistake in an annotation fails the pod where the standard says
// that the annotation is ignored; cni-args that name a capability (ips, mac, ...) need that capability, since plugins
// take them for the same thing; two gateways of one family in default-route are refused.
package netattach
