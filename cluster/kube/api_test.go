package kube

import (
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

func TestDial(t *testing.T) {
	tests := []struct {
		name   string
		config rest.Config
		fails  string
	}{
		{"limited", rest.Config{Host: "https://api", QPS: 50, Burst: 100}, ""},
		{"the library's limit", rest.Config{Host: "https://api"}, ""},
		{"no limit", rest.Config{Host: "https://api", QPS: -1}, ""},
		{"no burst", rest.Config{Host: "https://api", QPS: 50}, "make the Kubernetes client: burst is required"},
		{"no host", rest.Config{Host: "https://api:port"}, "make the Kubernetes client: "},
		{"no such certificate", rest.Config{Host: "https://api", TLSClientConfig: rest.TLSClientConfig{CAFile: "/absent"}}, "make the Kubernetes client: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := dial(&tt.config)
			if tt.fails != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.fails) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// The built-in groups share a limit, custom resources have their own.
			core, apps, nads := a.core.GetRateLimiter(), a.apps.GetRateLimiter(), a.nads.GetRateLimiter()
			if limited := tt.config.QPS >= 0; (core != nil) != limited || (nads != nil) != limited {
				t.Errorf("limits %v, %v", core, nads)
			}
			if tt.config.QPS > 0 && (core != apps || core == nads || core.QPS() != 50 || nads.QPS() != 50) {
				t.Errorf("limits %v, %v, %v", core, apps, nads)
			}
			if tt.config.UserAgent != "" || tt.config.RateLimiter != nil {
				t.Errorf("the caller's configuration was changed: %v", &tt.config)
			}
		})
	}
}
