//go:build tools

// Package nerdctl pins the command line with which containers are run on a machine without a cluster.
package nerdctl

import _ "github.com/containerd/nerdctl/cmd/nerdctl"
