package web_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/ebr/quality"
	"veribatch/signatures/access"
)

// An alarm stands on every page of those who may act on it, and on no other.
func TestAlarmsAreShownToThoseWhoMayAct(t *testing.T) {
	p := newPlant(t, time.Minute)
	quinn, olga := p.visitorAt("QA office", p.person("quinn.weiss", access.QA)), p.visitorAt("Granulation 2", p.person("olga.berg", access.Operator))
	require.NotContains(t, quinn.open("/").text, "open incident")
	require.NoError(t, quality.OpenIncident(context.Background(), p.Trail, quality.Incident{Kind: quality.Backup, Summary: "no backup for 3 days"}))
	for _, page := range []string{"/", "/recipes", "/trail", "/session/password"} {
		require.Contains(t, quinn.open(page).text, "1 open incident", page)
		require.NotContains(t, olga.open(page).text, "open incident", page)
	}
}
