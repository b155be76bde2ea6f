package ask

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/wire"
)

// The node's configuration may be of a version that has no STATUS.
func TestStatusOfAnOlderConfiguration(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var r wire.Request
		if wire.Read(conn, &r) == nil {
			got <- string(r.Config)
			_ = wire.Write(conn, wire.Response{Version: wire.Version})
		}
	}()
	if err := Status(t.Context(), socket, "/opt/cni/bin", []byte(`{"cniVersion":"0.3.1","type":"braid","kept":1}`)); err != nil {
		t.Fatal(err)
	}
	if config := <-got; !strings.Contains(config, `"cniVersion":"1.1.0"`) || !strings.Contains(config, `"kept":1`) {
		t.Errorf("asked with %s", config)
	}
	if err := Status(t.Context(), socket, "/opt/cni/bin", []byte("null")); err == nil {
		t.Error("no configuration is asked about")
	}
}
