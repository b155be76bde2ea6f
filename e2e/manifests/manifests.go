// Package manifests holds what the test cluster applies to itself when it comes up.
package manifests

import _ "embed"

// NetworkAttachmentDefinition is the definition of the kind that pods name their networks by.
//
//go:embed net-attach-def.yaml
var NetworkAttachmentDefinition []byte
