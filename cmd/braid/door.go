package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/braid-cni/braid/wire"
)

// The CNI error codes that the door itself can answer (CNI spec 1.1, section 5).
const (
	codeEnvironment  = 4
	codeIO           = 5
	codeDecode       = 6
	codeConfig       = 7
	codeTryLater     = 11
	codeNotAvailable = 50
)

const (
	// defaultTimeout is how long a call waits for the agent when the configuration does not say.
	defaultTimeout = 60 * time.Second
	// statusTimeout bounds STATUS: containerd holds a lock while it waits and sets no deadline of its own.
	statusTimeout = time.Second
	// readyFor is how long the agent's last ready mark counts while the agent is away.
	readyFor = 60 * time.Second
)

// A door is one call of the plugin.
type door struct {
	program string
	getenv  func(string) string
	stdin   io.Reader
	stdout  io.Writer
}

// config is what the door itself reads of the network configuration.
type config struct {
	CNIVersion string `json:"cniVersion"`
	Timeout    string `json:"timeout"`
}

// run carries out the call and returns the exit status.
func (d door) run() int {
	stdin, err := io.ReadAll(io.LimitReader(d.stdin, wire.MaxConfig+1))
	if err != nil {
		return d.fail("", codeIO, "read the network configuration from stdin", err.Error())
	}
	command := d.getenv("CNI_COMMAND")
	if command == "VERSION" {
		return d.version(stdin)
	}
	conf, code, err := parse(stdin)
	if err != nil {
		return d.fail(conf.CNIVersion, code, "read the network configuration from stdin", err.Error())
	}
	if missing := d.missing(command); len(missing) > 0 {
		return d.fail(conf.CNIVersion, codeEnvironment, "required environment variables are missing or wrong",
			strings.Join(missing, ", "))
	}
	if command == "STATUS" {
		return d.status(conf, stdin)
	}
	return d.forward(conf, stdin)
}

// parse checks what must hold before the agent is asked, and returns the CNI code of what does not.
func parse(stdin []byte) (config, uint, error) {
	var c config
	if len(stdin) > wire.MaxConfig {
		return c, codeConfig, fmt.Errorf("it is larger than %d bytes", wire.MaxConfig)
	}
	if len(stdin) == 0 {
		return c, codeDecode, errors.New("it is empty")
	}
	if err := json.Unmarshal(stdin, &c); err != nil {
		return c, codeDecode, fmt.Errorf("it is not a JSON object of a CNI configuration: %w", err)
	}
	return c, 0, nil
}

// missing names the environment variables that the command needs and does not have (CNI spec 1.1, section 2).
func (d door) missing(command string) []string {
	var need []string
	switch command {
	case "ADD", "CHECK":
		need = []string{"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}
	case "DEL":
		need = []string{"CNI_CONTAINERID", "CNI_IFNAME"}
	case "GC", "STATUS":
	default:
		return []string{fmt.Sprintf("CNI_COMMAND=%q", command)}
	}
	var missing []string
	for _, name := range need {
		if d.getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	return missing
}

// version answers VERSION, with the version asked for where stdin names one.
func (d door) version(stdin []byte) int {
	asked := config{CNIVersion: "1.1.0"}
	if len(stdin) > 0 && json.Unmarshal(stdin, &asked) != nil {
		asked.CNIVersion = "1.1.0"
	}
	return d.print(struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}{asked.CNIVersion, wire.CNIVersions()})
}

// forward sends the call to the agent, for which it waits as long as the configuration says, and prints the answer.
func (d door) forward(conf config, stdin []byte) int {
	timeout := defaultTimeout
	if conf.Timeout != "" {
		t, err := time.ParseDuration(conf.Timeout)
		if err != nil || t <= 0 {
			return d.fail(conf.CNIVersion, codeConfig, fmt.Sprintf("timeout %q is not a duration such as \"60s\"", conf.Timeout), "")
		}
		timeout = t
	}
	request := d.request(stdin)
	answer, err := call(d.socket(), request, time.Now().Add(timeout))
	if err != nil {
		return d.fail(conf.CNIVersion, codeTryLater, "the Braid agent on this node did not answer; is braidd running?", err.Error())
	}
	return d.answer(answer)
}

// status asks the agent for a second at most. While the agent is away it counts as ready for as long as its last ready
// mark is young: a restart must not make the node NotReady.
func (d door) status(conf config, stdin []byte) int {
	answer, err := exchange(d.socket(), d.request(stdin), time.Now().Add(statusTimeout))
	if err == nil {
		return d.answer(answer)
	}
	mark, statErr := os.Stat(filepath.Join(filepath.Dir(d.socket()), filepath.Base(wire.ReadyMark)))
	if statErr == nil && time.Since(mark.ModTime()) < readyFor {
		return 0
	}
	return d.fail(conf.CNIVersion, codeNotAvailable, "the Braid agent on this node is not ready; is braidd running?", err.Error())
}

func (d door) request(stdin []byte) *wire.Request {
	return &wire.Request{
		Version:     wire.Version,
		Program:     d.program,
		Command:     d.getenv("CNI_COMMAND"),
		ContainerID: d.getenv("CNI_CONTAINERID"),
		Netns:       d.getenv("CNI_NETNS"),
		IfName:      d.getenv("CNI_IFNAME"),
		Args:        d.getenv("CNI_ARGS"),
		Path:        d.getenv("CNI_PATH"),
		Inside:      d.getenv(wire.InsideVariable),
		Config:      stdin,
	}
}

// socket is the agent's. Another one is named in the environment, which only the runtime sets.
func (d door) socket() string {
	if path := d.getenv(wire.SocketVariable); path != "" {
		return path
	}
	return wire.Socket
}

func (d door) answer(r *wire.Response) int {
	if _, err := d.stdout.Write(r.Output); err != nil || r.Failed {
		return 1
	}
	return 0
}

func (d door) fail(version string, code uint, msg, details string) int {
	if version == "" {
		version = "1.1.0"
	}
	d.print(wire.Error{CNIVersion: version, Code: code, Msg: "braid: " + msg, Details: details})
	return 1
}

func (d door) print(v any) int {
	if err := json.NewEncoder(d.stdout).Encode(v); err != nil {
		return 1
	}
	return 0
}
