package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// The CNI error codes of a call that is wrong before anybody carries it out (CNI spec 1.1, section 5).
const (
	codeEnvironment = 4
	codeIO          = 5
	codeDecode      = 6
	codeConfig      = 7
)

// Latest is the newest version of the CNI specification that Braid answers, which is that of an answer to who names none.
const Latest = "1.1.0"

// ReadCall reads a CNI call as a runtime makes it: the verb and its arguments from the environment, the network
// configuration from stdin. program is the file name under which the plugin was called. A call that lacks what its
// verb needs is refused with the CNI error to print.
func ReadCall(program string, getenv func(string) string, stdin io.Reader) (*Request, *Error) {
	config, err := io.ReadAll(io.LimitReader(stdin, MaxConfig+1))
	if err != nil {
		return nil, refuse("", codeIO, "read the network configuration from stdin", err.Error())
	}
	r := &Request{Version: Version, Program: program, Config: config}
	for _, v := range r.variables() {
		*v.value = getenv(v.name)
	}
	if r.Command == "VERSION" {
		return r, nil
	}
	c, code, err := parse(config)
	if err != nil {
		return nil, refuse(c.CNIVersion, code, "read the network configuration from stdin", err.Error())
	}
	if _, err := c.timeout(); err != nil {
		return nil, refuse(c.CNIVersion, codeConfig, err.Error(), "")
	}
	if missing := r.missing(); len(missing) > 0 {
		return nil, refuse(c.CNIVersion, codeEnvironment, "required environment variables are missing or wrong", strings.Join(missing, ", "))
	}
	return r, nil
}

// A configuration is what the door itself wants to know of one.
type configuration struct {
	CNIVersion string          `json:"cniVersion"`
	Timeout    json.RawMessage `json:"timeout"`
}

// parse checks what must hold of every configuration, and returns the CNI code of what does not.
func parse(config []byte) (c configuration, code uint, err error) {
	if len(config) > MaxConfig {
		return c, codeConfig, fmt.Errorf("it is larger than %d bytes", MaxConfig)
	}
	if len(config) == 0 {
		return c, codeDecode, errors.New("it is empty")
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return c, codeDecode, fmt.Errorf("it is not a JSON object of a CNI configuration: %w", err)
	}
	return c, 0, nil
}

// defaultTimeout is how long a call waits for the agent when the configuration does not say.
const defaultTimeout = 60 * time.Second

// Timeout is how long the call waits for the agent.
func (r *Request) Timeout() (time.Duration, error) {
	c, _, err := parse(r.Config)
	if err != nil {
		return 0, fmt.Errorf("read timeout: %w", err)
	}
	return c.timeout()
}

func (c configuration) timeout() (time.Duration, error) {
	var text string
	if len(c.Timeout) == 0 {
		return defaultTimeout, nil
	}
	err := json.Unmarshal(c.Timeout, &text)
	if err == nil && text == "" {
		return defaultTimeout, nil
	}
	t, durationErr := time.ParseDuration(text)
	if err != nil || durationErr != nil || t <= 0 {
		return 0, fmt.Errorf("timeout %.64s is not a duration such as \"60s\"", c.Timeout)
	}
	return t, nil
}

// missing names the environment variables that the command needs and does not have (CNI spec 1.1, section 2).
func (r *Request) missing() []string {
	need := []struct{ name, value string }{{"CNI_CONTAINERID", r.ContainerID}, {"CNI_NETNS", r.Netns}, {"CNI_IFNAME", r.IfName}}
	switch r.Command {
	case "ADD", "CHECK":
	case "DEL":
		need = append(need[:1], need[2])
	case "GC", "STATUS":
		need = nil
	default:
		return []string{fmt.Sprintf("CNI_COMMAND=%q", r.Command)}
	}
	var missing []string
	for _, variable := range need {
		if variable.value == "" {
			missing = append(missing, variable.name)
		}
	}
	return missing
}

// refuse is an Error in the version of the configuration, or of the Latest.
func refuse(version string, code uint, msg, details string) *Error {
	if version == "" {
		version = Latest
	}
	return &Error{CNIVersion: version, Code: code, Msg: "braid: " + msg, Details: details}
}

// Refuse is an error that answers a call.
func (r *Request) Refuse(code uint, msg, details string) *Error {
	c, _, _ := parse(r.Config)
	return refuse(c.CNIVersion, code, msg, details)
}

// Versions answers VERSION.
type Versions struct {
	CNIVersion        string   `json:"cniVersion"`
	SupportedVersions []string `json:"supportedVersions"`
}

// Versions returns the answer to VERSION, in the version asked for where the configuration names one.
func (r *Request) Versions() Versions {
	c, _, err := parse(r.Config)
	if err != nil || c.CNIVersion == "" {
		c.CNIVersion = Latest
	}
	return Versions{CNIVersion: c.CNIVersion, SupportedVersions: CNIVersions()}
}
