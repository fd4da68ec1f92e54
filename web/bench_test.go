package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/recipes"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// The load of the bench: operators record one value after the other, each in a batch and a session of their own, without pause.
const (
	benchSteps = 150
	benchSlice = 5 * time.Second
)

// BenchmarkStepEntries gives step entries per second and their 99th percentile through HTTP, answer by answer: of operators who never
// pause, which shows where the server ends, and of 16 operators who work, each with an entry about every second.
func BenchmarkStepEntries(b *testing.B) {
	for _, load := range []struct {
		operators int
		pause     time.Duration
	}{{1, 0}, {16, 0}, {64, 0}, {16, 2 * time.Second}} {
		operators := load.operators
		b.Run(fmt.Sprintf("%02d-operators-pausing-%s", operators, load.pause), func(b *testing.B) {
			p := newBenchPlant(b)
			batches := make([]string, operators)
			sessions := make([]string, operators)
			for i := range operators {
				who := p.olga
				who.Token = p.LogIn(who, p.Station)
				sessions[i], batches[i] = who.Token, p.running(who, i)
			}
			for b.Loop() {
				times := p.enter(batches, sessions, load.pause)
				slices.Sort(times)
				b.ReportMetric(float64(len(times))/benchSlice.Seconds(), "entries/s")
				b.ReportMetric(ms(times[len(times)/2]), "p50-ms")
				b.ReportMetric(ms(times[len(times)*99/100]), "p99-ms")
			}
			report, err := p.Trail.Verify(p.Ctx)
			require.NoError(b, err)
			require.Empty(b, report.Findings)
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkPages gives the median time of each page that people open most, on a half-filled batch of 150 steps.
func BenchmarkPages(b *testing.B) {
	p := newBenchPlant(b)
	id := p.running(p.olga, 0)
	for n := range benchSteps / 2 {
		p.record(p.olga.Token, id, n)
	}
	step := fmt.Sprintf("/batches/%s/steps/%04d", id, benchSteps/2)
	pages := []struct{ name, path, session string }{
		{"home", "/", p.olga.Token}, {"step", step, p.olga.Token}, {"batch", "/batches/" + id, p.olga.Token},
		{"recipe", "/recipes/" + p.version, p.olga.Token}, {"trail", "/trail", p.sven.Token}, {"report-pdf", "/batches/" + id + "/report.pdf", p.sven.Token},
	}
	for b.Loop() {
		for _, page := range pages {
			var times []time.Duration
			for range 15 {
				start := time.Now()
				p.get(page.path, page.session)
				times = append(times, time.Since(start))
			}
			slices.Sort(times)
			b.ReportMetric(ms(times[len(times)/2]), page.name+"-ms")
		}
	}
}

type benchPlant struct {
	*plant
	olga, sven, quinn signtest.Person
	version           string
	client            *http.Client
}

func newBenchPlant(b *testing.B) *benchPlant {
	b.Helper()
	p := &benchPlant{plant: newPlant(b, time.Hour)}
	p.olga, p.sven, p.quinn = p.Person("olga.berg", access.Operator), p.Person("sven.holm", access.Supervisor), p.Person("quinn.adler", access.QA)
	petra, elena := p.Person("petra.engel", access.ProcessEngineer), p.Person("elena.rossi", access.QualifiedPerson)
	p.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var made recipes.Result
	require.NoError(b, json.Unmarshal(p.Do(petra, recipes.Import{Text: longRecipe()}).Result, &made))
	p.version = made.Version
	p.MustSign(petra, recipes.Submit{Version: p.version})
	p.MustSign(p.sven, recipes.Approve{Version: p.version})
	p.MustSign(elena, recipes.MakeEffective{Version: p.version})
	return p
}

// longRecipe has one value in each of its steps.
func longRecipe() string {
	var steps strings.Builder
	for n := range benchSteps {
		fmt.Fprintf(&steps, `
      entry "%04d" {
        title = "Net weight of container %d"
        text  = "Weigh the container and record its net weight."

        value "net" {
          title    = "Net weight"
          kind     = "decimal"
          unit     = "kg"
          decimals = "2"

          action {
            low  = "10.00"
            high = "15.00"
          }
        }
      }
`, n, n)
	}
	return fmt.Sprintf(`recipe "BENCH" {
  title       = "Weighing"
  product     = "Buffer"
  strength    = "10 mmol/L"
  dosage_form = "solution"
  unit_size   = "1.00 kg"
  batch_size  = "50.00 kg"
  language    = "en"

  formula {
    material "WATER" {
      title    = "Purified water"
      quantity = "50.00 kg"
      per_unit = "1.00 kg"
      active   = true
    }
  }

  packaging "CAN" {
    title    = "Can"
    text     = "Can of steel."
    specimen = "Buffer"
  }

  yield "FINAL" {
    title       = "Buffer"
    after       = "0000"
    theoretical = "50.00 kg"

    action {
      low  = "95.0"
      high = "100.0"
    }
  }

  unit_procedure "UP" {
    title = "Weighing"

    operation "OP" {
      title = "Weighing"
%s    }
  }
}
`, steps.String())
}

// running orders, issues and starts a batch.
func (p *benchPlant) running(who signtest.Person, n int) string {
	p.T.Helper()
	var made batch.Result
	require.NoError(p.T, json.Unmarshal(p.Do(p.sven, batch.CreateOrder{OrderNumber: fmt.Sprintf("PO-%04d", n), RecipeVersion: p.version}).Result, &made))
	p.MustSign(p.quinn, batch.Issue{Batch: made.Batch})
	p.Do(who, batch.Start{Batch: made.Batch})
	return made.Batch
}

// enter lets all operators record and complete their steps for one slice, pausing after each step, and gives the time of each answer.
func (p *benchPlant) enter(batches, sessions []string, pause time.Duration) (times []time.Duration) {
	var mu sync.Mutex
	var done sync.WaitGroup
	start := time.Now()
	for i := range batches {
		done.Go(func() {
			var own []time.Duration
			for n := 0; n < benchSteps && time.Since(start) < benchSlice; n++ {
				time.Sleep(pause * time.Duration(i%4+1) / 4) // not all at the same moment
				own = append(own, p.record(sessions[i], batches[i], n)...)
				time.Sleep(pause * time.Duration(3-i%4) / 4)
			}
			mu.Lock()
			times = append(times, own...)
			mu.Unlock()
		})
	}
	done.Wait()
	return times
}

// record enters the value of step n and completes it: two acts, two commits.
func (p *benchPlant) record(session, batch string, n int) []time.Duration {
	step := fmt.Sprintf("/batches/%s/steps/%04d", batch, n)
	return []time.Duration{
		p.post(step+"/values/net/record", session, url.Values{"reading": {"12.50"}}),
		p.post(step+"/perform", session, url.Values{"seen": {"1"}}),
	}
}

func (p *benchPlant) post(path, session string, form url.Values) time.Duration {
	form.Set("key", audit.NewID())
	req, err := http.NewRequest(http.MethodPost, p.server.URL+path, strings.NewReader(form.Encode()))
	require.NoError(p.T, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	start := time.Now()
	require.Equal(p.T, http.StatusSeeOther, p.send(req, session), path)
	return time.Since(start)
}

func (p *benchPlant) get(path, session string) {
	req, err := http.NewRequest(http.MethodGet, p.server.URL+path, nil)
	require.NoError(p.T, err)
	require.Equal(p.T, http.StatusOK, p.send(req, session), path)
}

func (p *benchPlant) send(req *http.Request, session string) int {
	req.AddCookie(&http.Cookie{Name: "session", Value: session})

	resp, err := p.client.Do(req)
	require.NoError(p.T, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(p.T, err)
	return resp.StatusCode
}
