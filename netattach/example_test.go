package netattach_test

import (
	"fmt"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/braid-cni/braid/netattach"
)

func Example() {
	stdin := `{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":{"type":"overlay"}}`
	config, warnings, err := netattach.ParseConfig([]byte(stdin))
	if err != nil {
		fmt.Println(err, warnings)
		return
	}
	in := netattach.Input{
		Pod:    &netattach.Pod{Namespace: "shop", Name: "web", Annotations: map[string]string{netattach.NetworksAnnotation: "storage@data0"}},
		Config: config,
		IfName: "eth0",
		NADs:   map[netattach.Key]*netv1.NetworkAttachmentDefinition{},
	}
	for _, key := range netattach.References(in).NADs {
		in.NADs[key] = &netv1.NetworkAttachmentDefinition{Spec: netv1.NetworkAttachmentDefinitionSpec{
			Config: `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-a"}`,
		}}
	}
	plan, err := netattach.NewPlan(in)
	if err != nil {
		fmt.Println(err)
		return
	}
	var attached []netattach.Attached
	for _, a := range plan.Attachments {
		fmt.Println(a.IfName, a.Network, string(a.Config))
		attached = append(attached, netattach.Attached{Attachment: a})
	}
	status, _ := netattach.Status(attached)
	fmt.Println(string(status))
	// Output:
	// eth0 braid {"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"overlay"}]}
	// data0 shop/storage {"cniVersion":"1.1.0","name":"storage","plugins":[{"bridge":"br-a","cniVersion":"1.1.0","type":"bridge"}]}
	// [{"name":"braid","dns":{},"default":true},{"name":"shop/storage","dns":{},"default":false}]
}
