// Package testvault starts a real HashiCorp Vault core for a test (internal/vaultpeer, built by scripts/vaultpeer.sh) and sets it up as docs/operations.md says,
// with the policies that stand there. It knows nothing of keyrings. Start reading at Start.
package testvault

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Vault is a Vault that runs.
type Vault struct {
	Address string
	t       *testing.T
	root    string
	unseal  string
}

// Role is who logs in: files with role id and secret id.
type Role struct{ RoleIDFile, SecretIDFile string }

// Start starts a Vault with the transit engine and AppRole, without a key; it ends with the test.
func Start(t *testing.T) *Vault {
	t.Helper()
	build := exec.Command("scripts/vaultpeer.sh")
	build.Dir, build.Stderr = repository(), os.Stderr
	path, err := build.Output()
	require.NoError(t, err)
	peer := exec.Command(strings.TrimSpace(string(path))) //nolint:gosec // what the script built
	in, err := peer.StdinPipe()
	require.NoError(t, err)
	out, err := peer.StdoutPipe()
	require.NoError(t, err)
	peer.Stderr = os.Stderr
	require.NoError(t, peer.Start())
	t.Cleanup(func() { _ = in.Close(); _ = peer.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	var says struct{ Address, Root, Unseal string }
	require.NoError(t, json.Unmarshal(line, &says))
	v := &Vault{Address: says.Address, t: t, root: says.Root, unseal: says.Unseal}
	v.Do("sys/mounts/transit", map[string]any{"type": "transit"})
	v.Do("sys/auth/approle", map[string]any{"type": "approle"})
	return v
}

func repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../..")
}

// Do writes at a path as root, and gives the answer's data.
func (v *Vault) Do(path string, body any) map[string]any {
	v.t.Helper()
	return v.ask(http.MethodPost, path, body)
}

// Delete deletes at a path as root.
func (v *Vault) Delete(path string) {
	v.t.Helper()
	v.ask(http.MethodDelete, path, nil)
}

// Passwords mounts the KV engine, version 2, there.
func (v *Vault) Passwords(mount string) {
	v.t.Helper()
	v.Do("sys/mounts/"+mount, map[string]any{"type": "kv", "options": map[string]any{"version": "2"}})
	require.Eventually(v.t, func() bool { // it answers 400 until it has made itself ready
		return v.status(http.MethodGet, mount+"/config") == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
}

func (v *Vault) status(method, path string) int {
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.Address+"/v1/"+path, nil)
	if err != nil {
		return 0
	}
	request.Header.Set("X-Vault-Token", v.root)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// Seal seals the Vault.
func (v *Vault) Seal() { v.Do("sys/seal", nil) }

// Unseal opens it again.
func (v *Vault) Unseal() { v.Do("sys/unseal", map[string]any{"key": v.unseal}) }

func (v *Vault) ask(method, path string, body any) map[string]any {
	v.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(v.t, err)
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.Address+"/v1/"+path, bytes.NewReader(raw))
	require.NoError(v.t, err)
	request.Header.Set("X-Vault-Token", v.root)
	response, err := http.DefaultClient.Do(request)
	require.NoError(v.t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	require.Less(v.t, response.StatusCode, 300, "%s %s: %s", method, path, answer)
	var says struct{ Data map[string]any }
	if len(answer) > 0 {
		require.NoError(v.t, json.Unmarshal(answer, &says))
	}
	return says.Data
}

// Role makes a role with a policy of that name and gives the files of whoever logs in as it. Tokens live that long.
func (v *Vault) Role(name, policy string, life, most string) Role {
	v.t.Helper()
	v.Do("sys/policies/acl/"+name, map[string]any{"policy": policy})
	v.Do("auth/approle/role/"+name, map[string]any{"token_policies": name, "token_ttl": life, "token_max_ttl": most})
	folder := v.t.TempDir()
	role := Role{filepath.Join(folder, "role-id"), filepath.Join(folder, "secret-id")}
	id := v.ask(http.MethodGet, "auth/approle/role/"+name+"/role-id", nil)["role_id"].(string)
	secret := v.Do("auth/approle/role/"+name+"/secret-id", nil)["secret_id"].(string)
	require.NoError(v.t, os.WriteFile(role.RoleIDFile, []byte(id+"\n"), 0o600))
	require.NoError(v.t, os.WriteFile(role.SecretIDFile, []byte(secret+"\n"), 0o600))
	return role
}

// Policy gives the policy of that name as docs/operations.md has it, ready to apply.
func Policy(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository(), "docs", "operations.md"))
	require.NoError(t, err)
	_, text, found := strings.Cut(string(raw), "# policy "+name+"\n")
	require.True(t, found, name)
	text, _, found = strings.Cut(text, "```")
	require.True(t, found, name)
	return text
}
