package agent

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the agent's figures for Prometheus. Names start with braid_, times are in seconds.
type Metrics struct {
	registry    *prometheus.Registry
	calls       *prometheus.HistogramVec
	attachments *prometheus.HistogramVec
	collected   prometheus.Counter
}

// NewMetrics returns metrics of their own registry, with those of the process and of Go.
func NewMetrics() *Metrics {
	// From half a millisecond to a minute: a built-in plugin needs a few milliseconds, kubelet gives up after minutes.
	buckets := prometheus.ExponentialBucketsRange(0.0005, 60, 18)
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "braid_cni_call_seconds", Help: "CNI calls, by command and CNI error code (0 for success).", Buckets: buckets,
		}, []string{"command", "code"}),
		attachments: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "braid_attachment_seconds", Help: "Attachments made (ADD) and taken away (DEL), by network and by the first plugin of its chain.", Buckets: buckets,
		}, []string{"command", "network", "plugin", "result"}),
		collected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "braid_collected_total", Help: "Containers taken away because the runtime did not list them any more.",
		}),
	}
	m.registry.MustRegister(m.calls, m.attachments, m.collected,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Pending adds the number of statuses that are not published yet, as p knows it.
func (m *Metrics) Pending(p *Publisher) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "braid_status_publications_pending", Help: "Pods whose network-status annotation is not published yet.",
	}, func() float64 { return float64(p.Pending()) }))
}

// call counts one CNI call.
func (m *Metrics) call(command string, err error, took time.Duration) {
	code := "0"
	if err != nil {
		code = strconv.FormatUint(uint64(codeOf(err)), 10)
	}
	m.calls.WithLabelValues(command, code).Observe(took.Seconds())
}

// Attachment counts one attachment made or taken away. It is the delegator's Observe.
func (m *Metrics) Attachment(command, network, plugin string, err error, took time.Duration) {
	result := "success"
	if err != nil {
		result = "failure"
	}
	m.attachments.WithLabelValues(command, network, plugin, result).Observe(took.Seconds())
}
