package web

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
)

// sample is a body with every kind of field that a command has.
type sample struct {
	Reading string   `json:"reading"`
	Seen    int      `json:"seen"`
	Acts    []string `json:"acts"`
	Signed  *signing `json:"signature,omitempty"`
}

// What is wrong is named with its place, and the words never repeat the value that stood there: it may be a password.
func TestBodiesAreReadStrictly(t *testing.T) {
	for body, at := range map[string]string{
		`{"reading":12.50}`: "reading", `{"reading":"a","reading":"a"}`: "reading", `{"Reading":"a"}`: "Reading", `{"extra":"a"}`: "extra", `{"seen":"2"}`: "seen", `{"seen":2.5}`: "seen",
		`{"seen":99999999999999999999}`: "seen", `{"acts":"a"}`: "acts", `{"acts":["a",7]}`: "acts/1", `{"acts":[null]}`: "acts/0", `{"signature":{"pass":"secret"}}`: "signature/pass",
		`{"signature":{"password":"secret","password":"x"}}`: "signature/password", `{"signature":null}`: "signature", `{"reading":true}`: "reading", `{"reading":{"a":1}}`: "reading",
		`{"reading":"\ud800"}`: "reading", "{\"reading\":\"\xff\"}": "reading", `{"reading":"secret"}{}`: "", `{"reading":"secret"`: "", `"secret"`: "", `[]`: "", `null`: "", ``: "", ` `: "",
		`{'reading':'secret'}`: "", "\xef\xbb\xbf{}": "", `{"reading":"a",}`: "",
	} {
		var into sample
		err := decode([]byte(body), &into)
		require.Error(t, err, body)
		f := fault.As(err)
		require.Equal(t, fault.Invalid, f.Kind, "%s: %v", body, err)
		require.NotContains(t, f.Message, "secret", body)
		if at != "" {
			require.Equal(t, at, f.Field, "%s: %s", body, f.Message)
		}
	}
	var into sample
	require.NoError(t, decode([]byte(` {"seen":2,"reading":"12.50 µg","acts":["a","b"],"signature":{"user_name":"a","password":"b","statement":"c"}} `), &into))
	require.Equal(t, sample{"12.50 µg", 2, []string{"a", "b"}, &signing{"a", "b", "c"}}, into)
}

// Whatever arrives, the decoder neither fails nor takes what another reader would read otherwise.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"reading":"12.50","seen":1,"acts":["a"]}`, `{"reading":"a","reading":"b"}`, `{"seen":1e2}`, `[[[[`, `{"signature":{"password":"x"}}`, `{"reading":"\ud83d\ude00"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var strictly, loosely sample
		if err := decode(raw, &strictly); err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		if err := json.Unmarshal(raw, &loosely); err != nil {
			t.Fatalf("%q was taken, and another reader says %v", raw, err)
		}
		require.Equal(t, loosely, strictly)
	})
}
