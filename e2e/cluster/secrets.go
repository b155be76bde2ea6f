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
	users := []user{{file: c.Kubeconfig, name: "admin", group: "system:masters"}}
	for i := range nodes {
		name := nodeName(i + 1)
		users = append(users, user{file: c.secret(name + ".kubeconfig"), name: "system:node:" + name, group: "system:nodes"})
	}
	return c.plane().makeSecrets(users)
}

func (c *Cluster) secret(name string) string { return c.plane().secret(name) }

// A user is one that the API server knows, by a token in a kubeconfig.
type user struct{ file, name, group string }

func (p plane) makeSecrets(users []user) error {
	ca, err := p.makeServingCert()
	if err != nil {
		return err
	}
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	if err := writeSecret(p.secret("sa.key"), key); err != nil {
		return err
	}
	return p.makeTokens(ca, users)
}

func (p plane) makeServingCert() (ca []byte, err error) {
	ips := []net.IP{net.ParseIP(hostIP6), net.ParseIP(apiService), net.IPv4(127, 0, 0, 1)}
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"}
	chain, key, err := cert.GenerateSelfSignedCertKey(p.ip, ips, names)
	if err != nil {
		return nil, fmt.Errorf("make API server certificate: %w", err)
	}
	_, ca = pem.Decode(chain) // the server's own first, then its CA
	for name, data := range map[string][]byte{"apiserver.crt": chain, "apiserver.key": key, "ca.crt": ca} {
		if err := writeSecret(p.secret(name), data); err != nil {
			return nil, err
		}
	}
	return ca, nil
}

func (p plane) makeTokens(ca []byte, users []user) error {
	var lines bytes.Buffer
	for _, u := range users {
		token := strings.ToLower(rand.Text())
		fmt.Fprintf(&lines, "%s,%s,%s,%q\n", token, u.name, u.name, u.group)
		if err := p.writeKubeconfig(u.file, ca, token); err != nil {
			return err
		}
	}
	return writeSecret(p.secret("tokens.csv"), lines.Bytes())
}

func (p plane) writeKubeconfig(file string, ca []byte, token string) error {
	config := api.NewConfig()
	config.Clusters["braid-e2e"] = &api.Cluster{Server: p.url(), CertificateAuthorityData: ca}
	config.AuthInfos["user"] = &api.AuthInfo{Token: token}
	config.Contexts["braid-e2e"] = &api.Context{Cluster: "braid-e2e", AuthInfo: "user"}
	config.CurrentContext = "braid-e2e"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}

func writeSecret(file string, data []byte) error {
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	return nil
}
