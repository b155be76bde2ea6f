package agent

import (
	"errors"

	"github.com/braid-cni/braid/cluster"
)

// ConditionType is the type of the condition that the agent keeps on its Node: whether the runtime uses Braid as the
// AgentConfiguration says.
const ConditionType = "BraidNetworkConfigured"

// The reasons of that condition. The first two are those of True.
const (
	reasonInstalled = "ConflistInstalled"
	// reasonUnwanted: host.conflist is empty, because another CNI's configuration names braid.
	reasonUnwanted = "ConflistUnwanted"
	// reasonInvalid: the AgentConfiguration cannot be read or has mistakes.
	reasonInvalid = "ConfigurationInvalid"
	// reasonUndecided: it is not known yet what the cluster network is on this node.
	reasonUndecided = "ClusterNetworkUndecided"
	// reasonNotReady: pods could not be attached to the default network yet.
	reasonNotReady = "DefaultNetworkNotReady"
	// reasonContested: another CNI renames the file away.
	reasonContested = "ConflistContested"
	// reasonFailed: the file cannot be written.
	reasonFailed = "ConflistNotWritten"
)

// A fault is an error with the word that the Node's condition has for it.
type fault struct {
	reason string
	error
}

func (f fault) Unwrap() error { return f.error }

// because gives an error its word, unless it has one or is nil.
func because(reason string, err error) error {
	var known fault
	if err == nil || errors.As(err, &known) {
		return err
	}
	return fault{reason, err}
}

// conditionOf is the Node's condition for the file at a place, and for what keeps it from being as it should be.
func conditionOf(at place, err error) cluster.Condition {
	c := cluster.Condition{Type: ConditionType, Met: err == nil, Reason: reasonInstalled, Message: at.path() + " is installed"}
	if at.name == "" {
		c.Reason, c.Message = reasonUnwanted, "host.conflist is empty: another CNI's configuration names braid"
	}
	var f fault
	switch {
	case errors.As(err, &f):
		c.Reason, c.Message = f.reason, err.Error()
	case err != nil:
		c.Reason, c.Message = reasonFailed, err.Error()
	}
	return c
}
