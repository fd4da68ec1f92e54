package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/internal/fault"
)

// exportCmd holds the commands that take records out of a running plant, as a client of its API.
type exportCmd struct {
	Batch exportBatchCmd `cmd:"" help:"Export the record of a batch as a bundle that anybody can verify (ebr verify-bundle). The server must run; the export is entered under the person whose token it is."`
}

type exportBatchCmd struct {
	Number    string `arg:"" name:"number" help:"Number of the batch, or its id."`
	To        string `required:"" placeholder:"FILE" help:"File to write; it must not be there yet."`
	Export    string `placeholder:"ID" help:"Download this export of the batch again, and make no new one."`
	Server    string `default:"http://127.0.0.1:8080" env:"EBR_SERVER" placeholder:"URL" help:"Address of the server (${default})."`
	Authority string `placeholder:"FILE" help:"Certificate in PEM that the server's own must come from, when this machine does not know it."`
	TokenFile string `placeholder:"FILE" help:"File whose first line is the token of a session of somebody who may export (docs/api.md). Without it the environment variable EBR_TOKEN holds the token."`
}

// Run exports, downloads and looks whether what came is in order.
func (c *exportBatchCmd) Run(ctx context.Context, o output) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	id, err := client.batch(ctx, c.Number)
	if err != nil {
		return err
	}
	if c.Export == "" {
		if c.Export, err = client.export(ctx, id); err != nil {
			return err
		}
		o.say("Export " + c.Export + " is entered.")
	}
	file, err := client.get(ctx, "/batches/"+id+"/exports/"+url.PathEscape(c.Export), 2_000_000_000)
	if err != nil {
		o.say("To download it again: ebr export batch " + c.Number + " --export " + c.Export + " --to FILE")
		return err
	}
	v := bundle.Verify(file, nil)
	if v.Word != bundle.NotEstablished {
		return fault.New(fault.Conflict, "What the server sent does not verify (%s): nothing was written. Tell QA.", verdictLine(v, nil))
	}
	if err := writeNew(c.To, file); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s: %d entries of %s and %d of other streams, %d signatures. SHA-256 %x\n", c.To, v.Entries, v.Stream, v.Others, v.Signatures, sha256.Sum256(file))
	return nil
}

// writeNew writes a file that is not there yet, or none.
func writeNew(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// apiClient asks the API of a running server in the name of whose token it holds. The token stands in the header of a request and nowhere else.
type apiClient struct {
	http  *http.Client
	root  string
	token string
}

func (c *exportBatchCmd) client() (*apiClient, error) {
	token, err := firstLine(c.TokenFile)
	if err != nil {
		return nil, err
	}
	if token == "" {
		token = strings.TrimSpace(os.Getenv("EBR_TOKEN"))
	}
	if token == "" {
		return nil, fault.New(fault.Invalid, "Name a file with the token by --token-file, or set EBR_TOKEN. docs/api.md says how to open a session.")
	}
	at, err := url.Parse(c.Server)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.User != nil || at.RawQuery != "" {
		return nil, fault.New(fault.Invalid, "%s is no address of a server, such as https://plant7:8443.", c.Server)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: 30 * time.Second}
	if c.Authority != "" {
		raw, err := os.ReadFile(c.Authority)
		if err != nil {
			return nil, err
		}
		known := x509.NewCertPool()
		if !known.AppendCertsFromPEM(raw) {
			return nil, fault.New(fault.Invalid, "%s holds no certificate in PEM.", c.Authority)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: known, MinVersion: tls.VersionTLS12}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &apiClient{&http.Client{Transport: transport, CheckRedirect: stay}, strings.TrimRight(at.String(), "/") + "/api/v1", token}, nil
}

// largestAnswer bounds what is no file.
const largestAnswer = 16 << 20

func (c *apiClient) get(ctx context.Context, path string, most int64) ([]byte, error) {
	return c.ask(ctx, http.MethodGet, path, "", most)
}

// ask sends one request. What the server refuses comes in its own words.
func (c *apiClient) ask(ctx context.Context, method, path, key string, most int64) ([]byte, error) {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("{}")
	}
	r, err := http.NewRequestWithContext(ctx, method, c.root+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, fault.New(fault.Busy, "The server does not answer.").Because(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return nil, fault.New(fault.Busy, "The answer of the server did not arrive whole.").Because(err)
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusCreated {
		var problem struct{ Detail string }
		if json.Unmarshal(raw, &problem) != nil || problem.Detail == "" {
			problem.Detail = "The server answered " + answer.Status + "."
		}
		kind := fault.Refused
		if answer.StatusCode == http.StatusServiceUnavailable {
			kind = fault.Busy
		}
		return nil, fault.New(kind, "%s", problem.Detail)
	}
	return raw, nil
}

// batch finds the id of a batch by its number.
func (c *apiClient) batch(ctx context.Context, number string) (string, error) {
	for _, state := range []string{"work", "ended"} {
		for next := "/batches?limit=500&state=" + state; next != ""; {
			raw, err := c.get(ctx, next, largestAnswer)
			if err != nil {
				return "", err
			}
			var page struct {
				Batches []struct{ Batch, Number string }
				Next    string
			}
			if err := json.Unmarshal(raw, &page); err != nil {
				return "", fault.New(fault.Invalid, "This is no server of Veribatch.").Because(err)
			}
			for _, b := range page.Batches {
				if b.Number == number || b.Batch == number {
					return b.Batch, nil
				}
			}
			next = strings.TrimPrefix(page.Next, "/api/v1")
		}
	}
	return "", fault.New(fault.Missing, "There is no batch %s, or it is not yours to see.", number)
}

// export makes an export. Its request key makes it one, also when an answer is lost.
func (c *apiClient) export(ctx context.Context, batch string) (string, error) {
	key := audit.NewID()
	for try := 1; ; try++ {
		raw, err := c.ask(ctx, http.MethodPost, "/batches/"+batch+"/exports", key, largestAnswer)
		var done struct{ Result struct{ Export string } }
		switch {
		case err == nil:
			if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&done); err != nil || done.Result.Export == "" {
				return "", fault.New(fault.Invalid, "This is no server of Veribatch.").Because(err)
			}
			return done.Result.Export, nil
		case fault.KindOf(err) != fault.Busy || try == 3:
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
}
