package cluster

import (
	"context"
	"strings"
	"testing"
)

const ipJSON = `[
{"ifname":"cni0","flags":["BROADCAST","UP"],"mtu":1500,"group":"default","address":"aa:bb:cc:dd:ee:ff",
 "linkinfo":{"info_kind":"bridge"},
 "addr_info":[{"local":"10.1.0.1","prefixlen":24},{"local":"fe80::1","prefixlen":64,"protocol":"kernel_ll"}]},
{"ifname":"veth1","flags":["BROADCAST"],"mtu":1400,"master":"cni0","group":"7","ifalias":"default/a eth0",
 "address":"02:00:00:00:00:01","linkinfo":{"info_kind":"veth"},"addr_info":[]}]`

func TestNetworkLines(t *testing.T) {
	answers := map[string]string{
		"ip -json -details address show": ipJSON,
		"ip -4 route show table all":     "10.1.0.0/24 dev cni0 proto kernel scope link src 10.1.0.1 linkdown \n",
		"ip -6 route show table all": "fe80::/64 dev cni0 proto kernel metric 256 pref medium\n" +
			"local fe80::1 dev cni0 table local proto kernel metric 0 pref medium\n" +
			"multicast ff00::/8 dev cni0 table local proto kernel metric 256 pref medium\n" +
			"anycast fd00:: dev cni0 table local proto kernel metric 0 pref medium\n" +
			"local fd00::1 dev cni0 table local proto kernel metric 0 pref medium\n" +
			"local fd00::9 dev cni0 table local proto 98 metric 0 pref medium\n" +
			"fd00::/64 dev cni0 proto ra metric 256 expires 86390sec pref medium\n",
		"bridge fdb show": "33:33:00:00:00:01 dev cni0 self permanent\n02:00:00:00:00:02 dev vx dst 172.30.0.12 self permanent\n",
	}
	lines, err := network(t.Context(), func(_ context.Context, argv ...string) (string, error) {
		return answers[strings.Join(argv, " ")], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `address cni0 10.1.0.1/24
fdb 02:00:00:00:00:02 dev vx dst 172.30.0.12 self permanent
link cni0 kind=bridge up mtu=1500 master= group=default alias="" mac=
link veth1 kind=veth down mtu=1400 master=cni0 group=7 alias="default/a eth0" mac=02:00:00:00:00:01
route4 10.1.0.0/24 dev cni0 proto kernel scope link src 10.1.0.1
route6 fd00::/64 dev cni0 proto ra metric 256 pref medium
route6 local fd00::9 dev cni0 table local proto 98 metric 0 pref medium
`
	if got := sorted(lines); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestDiff(t *testing.T) {
	if got := Diff("a\nb\n", "b\nc\n"); got != "- a\n+ c\n" {
		t.Errorf("got %q", got)
	}
	if got := Diff("a\nb\n", "a\nb\n"); got != "" {
		t.Errorf("of equal ones: %q", got)
	}
}
