package agent

import "testing"

// requestClauses are about what an element asks of its traffic (section 4.1.2.1.7 and 8).
func requestClauses() []clause {
	return []clause{
		{25, "4.1.2.1.7", "`portMappings` has at least one mapping: `hostPort` and `containerPort` from 1 to 65535, `protocol` UDP, TCP or SCTP in any case, TCP by default; otherwise the annotation is invalid",
			differs, stricter, each(provePortMappings)},
		{26, "4.1.2.1.7", "A network that cannot map ports fails the request", conforms, "", each(proveNoPortMappings)},
		{27, "4.1.2.1.7.2", "`portMappings` is handed over in `runtimeConfig`, after a check of the capability", conforms, "", each(provePortMappingsHandedOver)},
		{28, "4.1.2.1.8", "`bandwidth` has one of `ingressRate`, `ingressBurst`, `egressRate`, `egressBurst`, whole numbers above zero in bit/s and bits; a burst needs its rate; otherwise the annotation is invalid",
			differs, stricter, each(proveBandwidth)},
		{29, "4.1.2.1.8", "A network that cannot limit bandwidth fails the request", conforms, "", each(proveNoBandwidth)},
		{30, "4.1.2.1.8.2", "`bandwidth` is handed over in `runtimeConfig`, bursts may have a default, after a check of the capability",
			conforms, "the default is a second's worth", each(proveBandwidthHandedOver)},
	}
}

func provePortMappings(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able"}, "portMappings")
	for bad, reason := range map[string]string{
		`[]`:                                                     "portMappings: is empty",
		`{"hostPort":80,"containerPort":80}`:                     "portMappings: want a list",
		`[{"containerPort":80}]`:                                 "has no hostPort",
		`[{"hostPort":80}]`:                                      "has no containerPort",
		`[{"hostPort":0,"containerPort":80}]`:                    "hostPort: 0 is not a port",
		`[{"hostPort":80,"containerPort":65536}]`:                "containerPort: 65536 is not a port",
		`[{"hostPort":"80","containerPort":80}]`:                 "hostPort: want a whole number",
		`[{"hostPort":80,"containerPort":80,"protocol":"icmp"}]`: `"icmp" is not TCP, UDP or SCTP`,
	} {
		p.refuses(t, `[{"name":"able","portMappings":`+bad+`}]`, reason)
	}
	p.add(t, `[{"name":"able","portMappings":[{"hostPort":1,"containerPort":65535},{"hostPort":1,"containerPort":2,"protocol":"UDP"},{"hostPort":1,"containerPort":3,"protocol":"sctp"}]}]`)
	p.wantConfig(t, "net1", "runtimeConfig.portMappings", `[{"containerPort":65535,"hostPort":1,"protocol":"tcp"},`+
		`{"containerPort":2,"hostPort":1,"protocol":"udp"},{"containerPort":3,"hostPort":1,"protocol":"sctp"}]`)
}

const (
	mapping = `"portMappings":[{"hostPort":8080,"containerPort":80}]`
	limit   = `"bandwidth":{"ingressRate":1000000,"egressRate":2000000,"egressBurst":4000}`
)

func proveNoPortMappings(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.refuses(t, `[{"name":"neta",`+mapping+`}]`, "portMappings: no plugin of network default/neta declares the capability")
}

func provePortMappingsHandedOver(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able"}, "portMappings", "ips")
	p.add(t, `[{"name":"able",`+mapping+`}]`)
	p.wantConfig(t, "net1", "runtimeConfig", `{"portMappings":[{"containerPort":80,"hostPort":8080,"protocol":"tcp"}]}`)
	p.del(t)
	p.wantCalls(t, "ADD able net1", "DEL able net1")
	p.provesCapability(t, "portMappings", mapping)
}

func proveBandwidth(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able"}, "bandwidth")
	for bad, reason := range map[string]string{
		`{}`:                                 "bandwidth: is empty",
		`[1]`:                                "bandwidth: want an object",
		`{"ingressRate":0}`:                  "ingressRate: 0 is not a positive number",
		`{"egressRate":-5}`:                  "egressRate: -5 is not a positive number",
		`{"ingressRate":"1M"}`:               "ingressRate: want a whole number",
		`{"ingressRate":1.5}`:                "ingressRate: want a whole number",
		`{"egressBurst":5}`:                  "egressBurst needs egressRate",
		`{"egressRate":5,"ingressBurst":5}`:  "ingressBurst needs ingressRate",
		`{"ingressRate":5,"ingressBurst":0}`: "ingressBurst: 0 is not a positive number",
	} {
		p.refuses(t, `[{"name":"able","bandwidth":`+bad+`}]`, reason)
	}
	p.add(t, `[{"name":"able","bandwidth":{"ingressRate":1,"ingressBurst":2}}]`)
	p.wantConfig(t, "net1", "runtimeConfig.bandwidth", `{"ingressBurst":2,"ingressRate":1}`)
}

func proveNoBandwidth(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.refuses(t, `[{"name":"neta",`+limit+`}]`, "bandwidth: no plugin of network default/neta declares the capability")
}

func proveBandwidthHandedOver(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able"}, "bandwidth", "ips")
	p.add(t, `[{"name":"able",`+limit+`}]`)
	p.wantConfig(t, "net1", "runtimeConfig", `{"bandwidth":{"egressBurst":4000,"egressRate":2000000,"ingressBurst":1000000,"ingressRate":1000000}}`)
	p.del(t)
	p.wantCalls(t, "ADD able net1", "DEL able net1")
	p.provesCapability(t, "bandwidth", limit)
}
