package web

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who comes from very many addresses frees no client that has used up its tries, and costs a bounded memory. A /64 of IPv6 is one client.
func TestManyAddressesFreeNobody(t *testing.T) {
	t.Parallel()
	bound := &tries{perMinute: 2}
	take := func(client string) bool { allowed, _ := bound.take(client); return allowed }
	require.True(t, take("192.168.7.66"))
	require.True(t, take("192.168.7.66"))
	require.False(t, take("192.168.7.66"))
	for i := range 25_000 {
		require.True(t, take(fmt.Sprintf("2001:db8:%x:%x::1", i>>8, i&255)))
	}
	require.False(t, take("192.168.7.66"), "25,000 other clients later")
	require.LessOrEqual(t, len(bound.clients), mostClients)
	require.True(t, take("2001:db8:ffff:1::1"))
	require.True(t, take("2001:db8:ffff:1::2"))
	require.False(t, take("2001:db8:ffff:1:abcd::9"))
	require.True(t, take("2001:db8:ffff:2::9"))
}
