package keyring

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"veribatch/internal/fault"
)

// mostOfVault is how many bytes an answer of Vault may have.
const mostOfVault = 1 << 20

// vaultSession is logged in at a Vault by AppRole. The token stays in memory; it is renewed from the half of its life on, and when that no longer works the
// session logs in anew. All this happens when something is asked, within the time of who asks.
type vaultSession struct {
	client           *api.Client
	roleID, secretID string // files
	clock            func() time.Time

	mu           sync.Mutex
	renew, until time.Time // of the token
}

func newVaultSession(s VaultSettings, clock func() time.Time) (*vaultSession, error) {
	at, err := url.Parse(s.Address)
	if err != nil || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Scheme != "https" && (at.Scheme != "http" || !loopback(at.Hostname())) {
		return nil, fault.New(fault.Invalid, "The address of Vault is https://HOST:PORT, without a password; http only on this machine, such as http://127.0.0.1:8200.")
	}
	if s.RoleIDFile == "" || s.SecretIDFile == "" {
		return nil, fault.New(fault.Invalid, "For Vault name the files with role id and secret id: --vault-role-id-file and --vault-secret-id-file.")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxIdleConns: 2, IdleConnTimeout: time.Minute}
	client, err := api.NewClient(&api.Config{
		Address: s.Address, HttpClient: &http.Client{Transport: short{transport}, CheckRedirect: stay}, Timeout: vaultPatience, DisableRedirects: true,
	})
	if err != nil {
		return nil, errors.New("the client of Vault cannot be made: a variable VAULT_... of the environment is wrong")
	}
	client.ClearToken()
	return &vaultSession{client: client, roleID: s.RoleIDFile, secretID: s.SecretIDFile, clock: clock}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// stay follows no one: token and secret id go to the named address alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// short gives no more of an answer than Vault ever says.
type short struct{ next http.RoundTripper }

// RoundTrip asks the next one.
func (s short) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.next.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, mostOfVault)
	}
	return response, err
}

// ask reads at a path, or writes there when there is something to write, and gives the data of the answer.
func (s *vaultSession) ask(ctx context.Context, doing, path string, body map[string]any) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fresh(ctx); err != nil {
		return nil, explain("log in at Vault", err)
	}
	answer, err := s.once(ctx, path, body)
	if status(err) == http.StatusForbidden { // so looks a token that was revoked, or forgotten by a Vault that was put back
		if err := s.login(ctx); err != nil {
			return nil, explain("log in at Vault again", err)
		}
		answer, err = s.once(ctx, path, body)
	}
	if err != nil {
		return nil, explain(doing, err)
	}
	if answer == nil || answer.Data == nil {
		return nil, fmt.Errorf("%s: the answer of Vault is empty", doing)
	}
	return json.Marshal(answer.Data)
}

func (s *vaultSession) once(ctx context.Context, path string, body map[string]any) (*api.Secret, error) {
	if body == nil {
		return s.client.Logical().ReadWithContext(ctx, path)
	}
	return s.client.Logical().WriteWithContext(ctx, path, body)
}

// fresh gives the session a token that lives.
func (s *vaultSession) fresh(ctx context.Context) error {
	now := s.clock()
	if now.Before(s.renew) {
		return nil
	}
	if now.Before(s.until) {
		answer, err := s.client.Auth().Token().RenewSelfWithContext(ctx, 0)
		if err == nil && s.take(answer) && now.Before(s.renew) {
			return nil
		}
	}
	return s.login(ctx)
}

func (s *vaultSession) login(ctx context.Context) error {
	role, err := secretLine(s.roleID)
	if err != nil {
		return err
	}
	secret, err := secretLine(s.secretID)
	if err != nil {
		return err
	}
	s.client.ClearToken()
	s.renew, s.until = time.Time{}, time.Time{}
	answer, err := s.client.Logical().WriteWithContext(ctx, "auth/approle/login", map[string]any{"role_id": role, "secret_id": secret})
	if status(err) == http.StatusBadRequest {
		return errors.New("Vault does not accept role id and secret id: see whether they are expired or used up") //nolint:staticcheck // a name
	}
	if err == nil && !s.take(answer) {
		err = errors.New("the answer of Vault is no login")
	}
	return err
}

// take takes the token of an answer, for its life.
func (s *vaultSession) take(answer *api.Secret) bool {
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		return false
	}
	life := time.Duration(answer.Auth.LeaseDuration) * time.Second
	now := s.clock()
	s.client.SetToken(answer.Auth.ClientToken)
	s.renew, s.until = now.Add(life/2), now.Add(life)
	return true
}

// secretLine gives the first line of a file that is not open to everybody.
func secretLine(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fault.New(fault.Refused, "The file %s is open to everybody on this machine. Have Vault make another secret id, and give the file mode 0600.", name)
	}
	raw, err := os.ReadFile(name)
	line, _, _ := strings.Cut(string(raw), "\n")
	if line = strings.TrimSpace(line); err == nil && line == "" {
		err = fmt.Errorf("the file %s is empty", name)
	}
	return line, err
}

// status is the answer's HTTP status; 0 when there was no answer.
func status(err error) int {
	if answer := (*api.ResponseError)(nil); errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// explain says in our words why Vault did not do it: what an answer says besides its status may be anything.
func explain(doing string, err error) error {
	var said *fault.Error
	var file *fs.PathError
	var away *url.Error
	code := status(err)
	switch {
	case errors.As(err, &said), errors.As(err, &file):
		return err
	case code == http.StatusServiceUnavailable:
		return fmt.Errorf("%s: Vault is sealed or not ready", doing)
	case code == http.StatusForbidden:
		return fmt.Errorf("%s: Vault does not permit it: see the policy of the role", doing)
	case code != 0:
		return fmt.Errorf("%s: Vault answered %d", doing, code)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: Vault did not answer within %s", doing, vaultPatience)
	case errors.As(err, &away):
		return fmt.Errorf("%s: Vault is out of reach: %w", doing, away.Err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
