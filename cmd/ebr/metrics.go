package main

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"veribatch/audit"
	"veribatch/web"
)

// metrics are the figures of this server. They hold counts and times, no value of a record and no name of a person.
type metrics struct {
	requests *prometheus.HistogramVec
	acts     *prometheus.CounterVec
	failures *prometheus.CounterVec
	findings prometheus.Gauge
	registry *prometheus.Registry
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "ebr_request_seconds", Help: "Time to answer requests.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}}, []string{"method", "route", "status"}),
		acts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ebr_acts_total",
			Help: "Acts by outcome: done, repeated (the same request once more), or the kind of fault that stood in the way."}, []string{"act", "outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ebr_job_failures_total", Help: "Failed runs of the server's own jobs."}, []string{"job"}),
		findings: prometheus.NewGauge(prometheus.GaugeOpts{Name: "ebr_verify_findings", Help: "Findings of the last daily verification in this run of the server, and of the looks of every minute since; 0 is good."}),
		registry: prometheus.NewRegistry(),
	}
	m.registry.MustRegister(m.requests, m.acts, m.failures, m.findings, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe writes one line per request to the log and counts it.
func (p *plant) observe(ctx context.Context, o web.Observation) {
	level := slog.LevelInfo
	if o.Status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	p.log.LogAttrs(ctx, level, "request", slog.String("request", o.Request), slog.String("method", o.Method), slog.String("route", o.Route), slog.String("act", o.Act),
		slog.Int("status", o.Status), slog.Int64("ms", o.Took.Milliseconds()), slog.String("person", o.Person), slog.String("client", o.Client))
	p.metrics.requests.WithLabelValues(method(o.Method), o.Route, strconv.Itoa(o.Status)).Observe(o.Took.Seconds())
}

// method keeps made-up methods from filling the memory.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodHead:
		return m
	}
	return "other"
}

func (p *plant) counted(act, outcome string) { p.metrics.acts.WithLabelValues(act, outcome).Inc() }

// gauges are the figures that are asked for when somebody reads them.
type gauges struct{ *health }

var (
	readyGauge          = prometheus.NewDesc("ebr_check", "What /readyz found: 1 ok, 0.5 warning, 0 failed.", []string{"check"}, nil)
	jobGauge            = prometheus.NewDesc("ebr_job_last_success_timestamp_seconds", "When a job of the server succeeded last.", []string{"job"}, nil)
	endGauge            = prometheus.NewDesc("ebr_certificate_end_timestamp_seconds", "When the certificate of the server ends.", nil, nil)
	sessionGauge        = prometheus.NewDesc("ebr_sessions", "Sessions that have not ended.", []string{"state"}, nil)
	poolGauge           = prometheus.NewDesc("ebr_database_connections", "Connections to the database.", []string{"state"}, nil)
	logGauge            = prometheus.NewDesc("ebr_log_leaves", "Leaves of the log over all streams.", nil, nil)
	queueGauge          = prometheus.NewDesc("ebr_log_queue", "Entries of the trail that are not in the log yet.", nil, nil)
	unloggedGauge       = prometheus.NewDesc("ebr_log_oldest_unlogged_milliseconds", "Age of the oldest entry that is not in the log; 0 when all are.", nil, nil)
	coveredGauge        = prometheus.NewDesc("ebr_checkpoint_leaves", "Leaves of the log under the newest signed checkpoint.", nil, nil)
	uncoveredGauge      = prometheus.NewDesc("ebr_checkpoint_age_seconds", "Age of the oldest entry that no signed checkpoint covers; 0 when all are.", nil, nil)
	refusesGauge        = prometheus.NewDesc("ebr_checkpoint_refused", "1 while the signer of checkpoints refuses the log.", nil, nil)
	unwitnessedGauge    = prometheus.NewDesc("ebr_witness_age_seconds", "Age of the oldest kept checkpoint that fewer witnesses than wanted have seen; 0 when there is none.", nil, nil)
	witnessRefusesGauge = prometheus.NewDesc("ebr_witness_refused", "1 while a witness has cosigned another log than this one.", nil, nil)
	sealerGauge         = prometheus.NewDesc("ebr_sealer_away", "1 while the key in Vault seals no signature, so that nobody can sign.", nil, nil)
	apartGauge          = prometheus.NewDesc("ebr_clock_difference_seconds", "By how much the clock of the database is ahead of the server's; beyond 2 s either way nobody signs.", nil, nil)
	outsideGauge        = prometheus.NewDesc("ebr_time_server_difference_seconds", "By how much the time server is ahead of the server's clock, when two answers in a row said more than 2 s; else 0.", nil, nil)
	timeSilentGauge     = prometheus.NewDesc("ebr_time_server_silent", "1 when the time server has given no answer that counts for 15 minutes.", nil, nil)
	waitCounter         = prometheus.NewDesc("ebr_database_waits_total", "Acts and pages that had to wait for a connection.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readyGauge, jobGauge, endGauge, sessionGauge, poolGauge, logGauge, queueGauge, unloggedGauge, coveredGauge, uncoveredGauge, refusesGauge, unwitnessedGauge, witnessRefusesGauge, sealerGauge, apartGauge, outsideGauge, timeSilentGauge, waitCounter} {
		ch <- d
	}
}

const openSessions = `select count(*) filter (where locked_at is null), count(*) filter (where locked_at is not null) from ebr.sessions where ended_at is null`

// Collect implements prometheus.Collector.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthTime)
	defer cancel()
	for _, f := range g.findings(ctx) {
		send(readyGauge, prometheus.GaugeValue, map[string]float64{good: 1, warning: .5}[f.State], f.Name)
	}
	if g.certificate != nil {
		send(endGauge, prometheus.GaugeValue, float64(g.certificate.Leaf().NotAfter.Unix()))
	}
	if g.desk.Seals != nil {
		away := 0.0
		if g.sealerAway.Load() {
			away = 1
		}
		send(sealerGauge, prometheus.GaugeValue, away)
	}
	if g.timeServer != nil {
		silent := 0.0
		if g.timeServer.silent() != nil {
			silent = 1
		}
		send(outsideGauge, prometheus.GaugeValue, g.timeServer.apart().Seconds())
		send(timeSilentGauge, prometheus.GaugeValue, silent)
	}
	pool := g.trail.Pool()
	send(poolGauge, prometheus.GaugeValue, float64(pool.AcquiredConns()), "busy")
	send(poolGauge, prometheus.GaugeValue, float64(pool.IdleConns()), "idle")
	send(poolGauge, prometheus.GaugeValue, float64(pool.MaxConns()), "most")
	send(waitCounter, prometheus.CounterValue, float64(pool.EmptyAcquireCount()))
	_ = g.trail.Read(ctx, func(r *audit.Reader) error {
		var open, locked int64
		if err := r.QueryRow(ctx, openSessions).Scan(&open, &locked); err != nil {
			return err
		}
		send(sessionGauge, prometheus.GaugeValue, float64(open), "open")
		send(sessionGauge, prometheus.GaugeValue, float64(locked), "locked")
		if err := sendLog(ctx, r, func(d *prometheus.Desc, value int64) { send(d, prometheus.GaugeValue, float64(value)) }); err != nil {
			return err
		}
		if err := sendCheckpoints(ctx, r, func(d *prometheus.Desc, value float64) { send(d, prometheus.GaugeValue, value) }); err != nil {
			return err
		}
		if err := sendWitnessed(ctx, r, func(d *prometheus.Desc, value float64) { send(d, prometheus.GaugeValue, value) }); err != nil {
			return err
		}
		apart, err := g.trail.Apart(ctx, r)
		if err != nil {
			return err
		}
		send(apartGauge, prometheus.GaugeValue, apart.Seconds())
		return sendJobs(ctx, r, func(job string, at time.Time) { send(jobGauge, prometheus.GaugeValue, float64(at.Unix()), job) })
	})
}

const jobSuccesses = `select name, succeeded_at from ebr.jobs where succeeded_at is not null order by name`

func sendJobs(ctx context.Context, q audit.Querier, send func(string, time.Time)) error {
	rows, err := q.Query(ctx, jobSuccesses)
	if err != nil {
		return err
	}
	var name string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&name, &at}, func() error { send(name, at); return nil })
	return err
}

// backRoom is what only this machine can ask: figures, and health with details.
func (h *health) backRoom() http.Handler {
	h.metrics.registry.MustRegister(gauges{h})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2}))
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", h.readyz(true))
	return mux
}
