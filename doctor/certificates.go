package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// A credential is a certificate of the node without which it does not reach the API server, or nobody does.
type credential struct{ path, renew string }

var credentials = [...]credential{
	{"/var/lib/kubelet/pki/kubelet-client-current.pem",
		"approve the node's request (kubectl get csr; kubectl certificate approve NAME), or join the node anew; then systemctl restart kubelet"},
	{"/var/lib/rancher/k3s/agent/client-kubelet.crt", "systemctl restart k3s-agent, on a server systemctl restart k3s: it renews its certificates"},
	{"/var/lib/rancher/rke2/agent/client-kubelet.crt", "systemctl restart rke2-agent, on a server systemctl restart rke2-server: it renews its certificates"},
	{"/etc/kubernetes/pki/apiserver.crt", "kubeadm certs renew all, then restart the control plane's static pods"},
	{"/etc/kubernetes/pki/apiserver-kubelet-client.crt", "kubeadm certs renew all, then restart the control plane's static pods"},
}

// certificates finds those that are expired, soon will be, or are not valid yet by the node's clock.
func certificates(_ context.Context, v *visit) (found []Finding, err error) {
	for _, c := range credentials {
		data, readErr := v.files.read(c.path)
		if errors.Is(readErr, fs.ErrNotExist) {
			continue
		}
		if readErr != nil {
			err = errors.Join(err, readErr)
			continue
		}
		found = append(found, c.judge(data, v.Now())...)
	}
	return found, err
}

func (c credential) judge(data []byte, now time.Time) []Finding {
	cert, err := leaf(data)
	if err != nil {
		return []Finding{fault(fmt.Sprintf("%s is no certificate: %v", c.path, err), c.renew)}
	}
	// Owners renew in the last third of the lifetime at the latest.
	late := cert.NotAfter.Add(-cert.NotAfter.Sub(cert.NotBefore) / 20)
	switch {
	case now.Before(cert.NotBefore):
		return []Finding{fault(fmt.Sprintf("%s is not valid before %s, and the clock shows %s", c.path, stamp(cert.NotBefore), stamp(now)),
			"set the clock and keep it right: timedatectl set-ntp true; if it is right: "+c.renew)}
	case now.After(cert.NotAfter):
		return []Finding{fault(fmt.Sprintf("%s expired at %s, and the clock shows %s", c.path, stamp(cert.NotAfter), stamp(now)), c.renew)}
	case now.After(late):
		return []Finding{warning(fmt.Sprintf("%s expires at %s and has not been renewed", c.path, stamp(cert.NotAfter)), c.renew)}
	}
	return nil
}

// leaf is the first certificate of a PEM file, which may hold a key too.
func leaf(data []byte) (*x509.Certificate, error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, errors.New("it has no PEM block CERTIFICATE")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}
