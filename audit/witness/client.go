package witness

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/checkpoint"
	"veribatch/internal/fault"
)

// Patience is how long one witness may take for all its answers.
const Patience = 5 * time.Second

// maxAnswer is how long an answer may be.
const maxAnswer = 16 << 10

// Client asks one witness.
type Client struct {
	Key string // the line by which its cosignatures are verified
	URL string // to which /add-checkpoint is added

	verifier note.Verifier
	http     *http.Client
}

// NewClient reads "KEY URL". Roots are further authorities to trust; nil for those of the system.
func NewClient(text string, roots *x509.CertPool) (*Client, error) {
	key, address, _ := strings.Cut(strings.TrimSpace(text), " ")
	verifier, err := checkpoint.NewVerifier(key)
	u, wrong := url.Parse(strings.TrimSpace(address))
	if err == nil && !checkpoint.Cosigns(verifier) {
		err = errors.New("the key does not cosign")
	}
	if err = errors.Join(err, wrong); err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "A witness is named by its key and its address, with a space between them, as in \"name+hash+key https://witness.example\".").Because(err)
	}
	return &Client{Key: key, URL: strings.TrimSuffix(u.String(), "/"), verifier: verifier, http: &http.Client{
		Timeout:       Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10},
	}}, nil
}

// Cosignature is what a witness gave for a checkpoint.
type Cosignature struct {
	Line string // without the newline
	At   time.Time
}

// Prove gives the proof that the tree of the checkpoint grows from the tree of a smaller size.
type Prove func(ctx context.Context, old int64) ([]tlog.Hash, error)

// ErrFork says that a witness has cosigned a log that is not the one it is shown now: the log was put back, cut or rewritten. It is never a passing trouble.
var ErrFork = errors.New("the witness has cosigned another log than this one")

// Ask has the witness cosign a checkpoint. It begins at the size old, of which the log believes that the witness has it, and goes on from the one
// that the witness says instead; a few times, because others may ask it as well.
func (c *Client) Ask(ctx context.Context, signed []byte, old int64, prove Prove) (Cosignature, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	text, _, _ := strings.Cut(string(signed), "\n\n")
	asked, err := checkpoint.ParseText(text + "\n")
	if err != nil {
		return Cosignature{}, err
	}
	old = min(old, asked.Size)
	for range 3 {
		q := Question{Old: old, Note: signed}
		if old > 0 && old < asked.Size {
			if q.Proof, err = prove(ctx, old); err != nil {
				return Cosignature{}, err
			}
		}
		status, answer, err := c.post(ctx, q.Text())
		switch {
		case err != nil:
			return Cosignature{}, err
		case status == http.StatusOK:
			return c.read(asked, answer)
		case status == noProof:
			return Cosignature{}, errors.Join(ErrFork, no(status, "%.200q", answer))
		case status != conflict:
			return Cosignature{}, no(status, "%.200q", answer)
		}
		size, err := strconv.ParseInt(strings.TrimSuffix(string(answer), "\n"), 10, 64)
		switch {
		case err != nil || size < 0:
			return Cosignature{}, no(status, "%.200q", answer)
		case size == old && old == asked.Size:
			return Cosignature{}, errors.Join(ErrFork, &Refusal{conflict, size, fmt.Sprintf("another log of %d leaves was cosigned", size)})
		case size > asked.Size:
			return Cosignature{}, &Refusal{conflict, size, fmt.Sprintf("%d leaves were cosigned, and it was asked for %d", size, asked.Size)}
		}
		old = size
	}
	return Cosignature{}, no(conflict, "the witness says another size each time")
}

func (c *Client) post(ctx context.Context, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask the witness: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil || len(answer) > maxAnswer {
		return 0, nil, errors.Join(errors.New("the answer of the witness cannot be read"), err)
	}
	return response.StatusCode, answer, nil
}

// read takes the line of the witness's key from its answer. Lines of other keys are passed over.
func (c *Client) read(asked checkpoint.Checkpoint, answer []byte) (Cosignature, error) {
	parsed, err := checkpoint.Parse([]byte(asked.Text()+"\n"+string(answer)), note.VerifierList(c.verifier))
	if err != nil {
		return Cosignature{}, fmt.Errorf("the answer of the witness: %w", err)
	}
	return Cosignature{parsed.Signers[0].Line, parsed.Signers[0].Time}, nil
}

// Answer is what one witness said.
type Answer struct {
	Cosignature
	Err error
}

// All asks each witness at once and waits for the last; old gives for each from which size on. A witness that is down costs its Patience, and nothing else.
func All(ctx context.Context, witnesses []*Client, signed []byte, old []int64, prove Prove) []Answer {
	answers := make([]Answer, len(witnesses))
	var all sync.WaitGroup
	for i, c := range witnesses {
		all.Go(func() { answers[i].Cosignature, answers[i].Err = c.Ask(ctx, signed, old[i], prove) })
	}
	all.Wait()
	return answers
}
