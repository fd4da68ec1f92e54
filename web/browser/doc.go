// Package browser holds the tests that look at the screens in a real Chromium: the gallery of all pages, their behaviour, and the ten-step recipe
// executed by clicks and scans. It owns no page; the helpers to drive the browser stand in internal/browser.
// Start reading at gallery_test.go.
package browser
