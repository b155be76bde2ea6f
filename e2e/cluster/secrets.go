package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// makeSecrets writes what the control plane trusts and is trusted by: a CA with the API server's certificate, the
// key that signs service account tokens, and a token with a kubeconfig for the administrator and for each node.
func (c *Cluster) makeSecrets(nodes int) error {
	ca, err := c.makeServingCert()
	if err != nil {
		return err
	}
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	if err := writeSecret(c.secret("sa.key"), key); err != nil {
		return err
	}
	return c.makeTokens(ca, nodes)
}

func (c *Cluster) makeServingCert() (ca []byte, err error) {
	ips := []net.IP{net.ParseIP(hostIP6), net.ParseIP(apiService), net.IPv4(127, 0, 0, 1)}
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"}
	chain, key, err := cert.GenerateSelfSignedCertKey(hostIP, ips, names)
	if err != nil {
		return nil, fmt.Errorf("make API server certificate: %w", err)
	}
	_, ca = pem.Decode(chain) // the server's own first, then its CA
	for name, data := range map[string][]byte{"apiserver.crt": chain, "apiserver.key": key, "ca.crt": ca} {
		if err := writeSecret(c.secret(name), data); err != nil {
			return nil, err
		}
	}
	return ca, nil
}

func (c *Cluster) makeTokens(ca []byte, nodes int) error {
	var lines bytes.Buffer
	user := func(file, name, group string) error {
		token := strings.ToLower(rand.Text())
		fmt.Fprintf(&lines, "%s,%s,%s,%q\n", token, name, name, group)
		return writeKubeconfig(file, ca, token)
	}
	if err := user(c.Kubeconfig, "admin", "system:masters"); err != nil {
		return err
	}
	for i := range nodes {
		name := nodeName(i + 1)
		if err := user(c.secret(name+".kubeconfig"), "system:node:"+name, "system:nodes"); err != nil {
			return err
		}
	}
	return writeSecret(c.secret("tokens.csv"), lines.Bytes())
}

func writeKubeconfig(file string, ca []byte, token string) error {
	config := api.NewConfig()
	config.Clusters["braid-e2e"] = &api.Cluster{Server: apiServerURL(), CertificateAuthorityData: ca}
	config.AuthInfos["user"] = &api.AuthInfo{Token: token}
	config.Contexts["braid-e2e"] = &api.Context{Cluster: "braid-e2e", AuthInfo: "user"}
	config.CurrentContext = "braid-e2e"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}

func (c *Cluster) secret(name string) string { return filepath.Join(c.Dir, "control", name) }

func writeSecret(file string, data []byte) error {
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	return nil
}
