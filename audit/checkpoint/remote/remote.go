// Package remote lets a signer of checkpoints be a process of its own: HTTP over a Unix socket that only its user can open, or over TCP with a
// token. It judges nothing, that is checkpoint.Signer's, and keeps nothing. Start reading at Handler, then Client.
package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/checkpoint"
)

// most is how many bytes a question or an answer may have; patience is how long an answer may take.
const (
	most     = 256 << 10
	patience = 10 * time.Second
)

// question is a checkpoint.Request on the way.
type question struct {
	Old   int64       `json:"old"`
	Proof []tlog.Hash `json:"proof"`
	Text  string      `json:"text"`
	Time  time.Time   `json:"time"`

	Evidence []byte `json:"evidence,omitempty"`
}

// refusal is a checkpoint.Refusal on the way.
type refusal struct {
	Code  string                `json:"code"`
	Asked checkpoint.Checkpoint `json:"asked"`
	Last  checkpoint.Checkpoint `json:"last"`
	Note  []byte                `json:"note,omitempty"`
	At    time.Time             `json:"at"`
	Cause string                `json:"cause,omitempty"`
}

// Signs is what signs: a checkpoint.Signer in this process, or a Client of one in another.
type Signs interface {
	Sign(ctx context.Context, r checkpoint.Request) (note []byte, err error)
	Key(ctx context.Context) (checkpoint.PublicKey, error)
}

// Handler answers for a signer. With a token, every question carries it; without one, whoever can open the socket may ask.
func Handler(s Signs, token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign", func(w http.ResponseWriter, r *http.Request) { sign(s, w, r) })
	mux.HandleFunc("GET /key", func(w http.ResponseWriter, r *http.Request) {
		key, err := s.Key(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(key)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if wanted := sha256.Sum256([]byte("Bearer " + token)); token != "" && subtle.ConstantTimeCompare(given[:], wanted[:]) != 1 {
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func sign(s Signs, w http.ResponseWriter, r *http.Request) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	d.DisallowUnknownFields()
	var q question
	if err := d.Decode(&q); err != nil || d.More() {
		http.Error(w, "no question that a signer understands", http.StatusBadRequest)
		return
	}
	note, err := s.Sign(r.Context(), checkpoint.Request{Old: q.Old, Proof: q.Proof, Text: q.Text, Time: q.Time, Evidence: q.Evidence})
	var no *checkpoint.Refusal
	switch {
	case err == nil:
		_, _ = w.Write(note)
	case errors.As(err, &no):
		answer := refusal{Code: no.Code, Asked: no.Asked, Last: no.Last, Note: no.Note, At: no.At}
		if no.Cause != nil {
			answer.Cause = no.Cause.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(answer)
	default:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// Client asks a signer in another process.
type Client struct {
	url, token string
	http       http.Client
}

// Dial gives a client of the signer at an address: a path that begins with / or . is a Unix socket, everything else host:port. Nothing is asked yet.
func Dial(address, token string) *Client {
	c := &Client{url: "http://" + address, token: token, http: http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if strings.HasPrefix(address, "/") || strings.HasPrefix(address, ".") {
		c.url = "http://signer"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", address)
		}}
	}
	return c
}

// Sign asks for a signature. A refusal comes back as a *checkpoint.Refusal; every other error says that the signer is out of reach or could not sign.
func (c *Client) Sign(ctx context.Context, r checkpoint.Request) ([]byte, error) {
	body, err := json.Marshal(question{Old: r.Old, Proof: r.Proof, Text: r.Text, Time: r.Time, Evidence: r.Evidence})
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodPost, "/sign", body)
}

// Key asks for the public key.
func (c *Client) Key(ctx context.Context) (checkpoint.PublicKey, error) {
	key, err := c.ask(ctx, http.MethodGet, "/key", nil)
	if err == nil && len(key) != checkpoint.PublicKeySize {
		return nil, errors.New("the signer gave something that is no key")
	}
	return key, err
}

func (c *Client) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the signer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil || len(answer) > most {
		return nil, errors.Join(errors.New("the answer of the signer cannot be read"), err)
	}
	return read(response.StatusCode, answer)
}

func read(status int, answer []byte) ([]byte, error) {
	switch status {
	case http.StatusOK:
		return answer, nil
	case http.StatusConflict:
		var no refusal
		if err := json.Unmarshal(answer, &no); err != nil || no.Code == "" {
			return nil, errors.Join(errors.New("the refusal of the signer cannot be read"), err)
		}
		back := &checkpoint.Refusal{Code: no.Code, Asked: no.Asked, Last: no.Last, Note: no.Note, At: no.At}
		if no.Cause != "" {
			back.Cause = errors.New(no.Cause)
		}
		return nil, back
	}
	return nil, fmt.Errorf("the signer answered %d: %.200s", status, strings.TrimSpace(string(answer)))
}
