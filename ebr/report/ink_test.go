package report

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// readable asks that batch and state stand in dark letters at the head of every page, whatever the page was last filled with. Text
// extraction cannot see this, so the page is made a picture.
func readable(t *testing.T, path string) {
	t.Helper()
	for n := range pages(t, path) {
		require.Greater(t, ink(t, path, n+1, left, left+40), 20, "page %d: the batch is not dark", n+1)
		require.Greater(t, ink(t, path, n+1, right-40, right), 20, "page %d: the state is not dark", n+1)
	}
}

// ink counts the dark points of a page's header line between two distances from the left, at 72 points an inch.
func ink(t *testing.T, path string, page int, from, to float64) (dark int) {
	t.Helper()
	const resolution = 72
	dot := func(mm float64) int { return int(mm * resolution / 25.4) }
	number := strconv.Itoa(page)
	out, err := exec.Command("pdftoppm", "-gray", "-r", strconv.Itoa(resolution), "-f", number, "-l", number, path).Output()
	require.NoError(t, err)
	var width, height, most int
	_, err = fmt.Sscanf(string(out[:30]), "P5\n%d %d\n%d\n", &width, &height, &most)
	require.NoError(t, err)
	end := fmt.Appendf(nil, "\n%d\n", most)
	pixels := out[bytes.Index(out, end)+len(end):]
	require.Len(t, pixels, width*height)
	for y := dot(14); y < dot(19); y++ {
		for x := dot(from); x < dot(to); x++ {
			if pixels[y*width+x] < 110 {
				dark++
			}
		}
	}
	return dark
}
