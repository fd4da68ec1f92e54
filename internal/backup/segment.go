package backup

import (
	"fmt"
	"strconv"
	"strings"
)

// The log is a sequence of bytes; a position in it is written "1/2A000060". Segments of 16 MB are named by the time line, the first half of
// the position, and the number of the segment in it, eight hexadecimal digits each.

func hexadecimal(text string) uint64 {
	n, _ := strconv.ParseUint(text, 16, 64)
	return n
}

// nameOf gives the name of the segment of a position, without the time line.
func nameOf(position uint64) string {
	return fmt.Sprintf("%08X%08X", position>>32, position&0xFFFFFFFF/segmentBytes)
}

// nextSegment gives the name of the segment after this one.
func nextSegment(name string) string {
	return name[:8] + nameOf((hexadecimal(name[8:16])<<32|hexadecimal(name[16:])*segmentBytes)+segmentBytes)
}

func isSegment(name string) bool {
	return len(name) == 24 && strings.Trim(name, "0123456789ABCDEF") == ""
}
