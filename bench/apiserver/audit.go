package apiserver

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// agentName is how the agent names itself to the API server.
const agentName = "braidd/"

// event is what is read of a line of the audit log.
type event struct {
	Verb      string `json:"verb"`
	UserAgent string `json:"userAgent"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
}

// Requests are how many requests of agents the server has answered so far, by what was asked: "patch pods/status". Watches
// that go on are not among them.
func (s *Server) Requests() (map[string]int, error) {
	file, err := os.Open(s.audit)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer file.Close()
	return requests(file)
}

func requests(log io.Reader) (map[string]int, error) {
	count := map[string]int{}
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return count, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read a line of the audit log: %w", err)
		}
		if strings.HasPrefix(e.UserAgent, agentName) {
			count[e.what()]++
		}
	}
}

func (e event) what() string {
	what := e.Verb + " " + e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		what += "/" + e.ObjectRef.Subresource
	}
	return what
}
