package delegate

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/store"
)

// Find fails, naming every one, when plugins that the attachments need are not there. It is asked before anything is
// intended: what cannot be added could not be deleted either.
func (d *Delegator) Find(c *store.Container) error {
	var missing []error
	for i := range c.Attachments {
		if err := d.find(&c.Attachments[i]); err != nil {
			missing = append(missing, fmt.Errorf("network %q on %s: %w", c.Attachments[i].Network, c.Attachments[i].IfName, err))
		}
	}
	return errors.Join(missing...)
}

func (d *Delegator) find(a *store.Attachment) error {
	list, err := d.list(a.Config)
	if err != nil {
		return err
	}
	e := &dispatcher{o: &d.o, policy: ipam.Policy(a.Builtins)}
	var missing []error
	for _, p := range list.Plugins {
		path, err := e.FindInPath(p.Network.Type, a.Path)
		if err == nil && path == builtinPrefix+p.Network.Type {
			err = e.findIPAM(p.Bytes, a.Path)
		}
		missing = append(missing, err)
	}
	return errors.Join(missing...)
}

// findIPAM looks for the IPAM plugin of a built-in plugin. One that is executed looks itself: its type may be a word of
// its own.
func (d *dispatcher) findIPAM(config []byte, path []string) error {
	var conf struct {
		IPAM struct {
			Type string `json:"type"`
		} `json:"ipam"`
	}
	if err := json.Unmarshal(config, &conf); err != nil || conf.IPAM.Type == "" {
		return nil // the plugin says what is wrong with it
	}
	_, err := d.FindInPath(conf.IPAM.Type, path)
	return err
}
