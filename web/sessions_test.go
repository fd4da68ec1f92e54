package web_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPasswordPageNeedsSession(t *testing.T) {
	p := newPlant(t, time.Minute)
	v := newVisitor(t, p.server)
	require.Equal(t, "/login?next=%2Fsession%2Fpassword", v.open("/session/password").path)
	olga := p.person("olga", "operator")
	v = p.visitorAt("Granulation 2", olga)
	v.open("/session/password")
	require.Contains(t, v.at.text, "Present password", v.at.raw)
	v.send("lock-station", nil)
	require.Equal(t, 423, v.at.status)
	v.send("unlock", map[string]string{"password": "wrong"})
	require.Equal(t, 423, v.at.status)
	require.Contains(t, v.at.text, "password is wrong")
	v.send("unlock", map[string]string{"password": olga.Password})
	require.Equal(t, "/session/password", v.at.path)
	require.Equal(t, 200, v.at.status)
}
