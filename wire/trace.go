package wire

import "time"

// InspectTrace is the command that asks where the time of a pod's last ADD went. Request.Args name the pod by
// K8S_POD_NAMESPACE and K8S_POD_NAME. The answer's Output is a Trace.
const InspectTrace = "INSPECT-TRACE"

// A Trace is one ADD step by step, as the agent remembers it.
type Trace struct {
	Namespace   string `json:"namespace,omitempty"`
	Pod         string `json:"pod,omitempty"`
	ContainerID string `json:"containerID"`
	IfName      string `json:"ifName"`
	// Began is when the runtime's process of the braid binary started to work.
	Began time.Time `json:"began"`
	// Failed says that the ADD came to no good end; the last step is where.
	Failed bool   `json:"failed,omitempty"`
	Steps  []Step `json:"steps"`
}

// A Step is one part of an ADD, which began where the one before ended.
type Step struct {
	// Interface is what it was done for, empty for the pod as a whole.
	Interface    string `json:"interface,omitempty"`
	Name         string `json:"name"`
	Microseconds int64  `json:"microseconds"`
}
