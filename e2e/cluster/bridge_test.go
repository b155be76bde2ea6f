package cluster

import "testing"

func TestBridgeConflist(t *testing.T) {
	got, err := bridgeConflist([]string{"10.244.0.0/24", "fd00:10:244::/64"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cniVersion":"1.1.0","name":"pods","plugins":[{"bridge":"cni0","ipam":{` +
		`"ranges":[[{"subnet":"10.244.0.0/24"}],[{"subnet":"fd00:10:244::/64"}]],` +
		`"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"type":"host-local"},"isGateway":true,"type":"bridge"}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := bridgeConflist([]string{"10.244.0.0"}); err == nil {
		t.Error("an address is taken for a range")
	}
}
