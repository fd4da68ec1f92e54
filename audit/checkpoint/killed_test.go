package checkpoint

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"
)

// signUntilKilled signs one leaf after the other and says each size once its signature has left the signer.
func signUntilKilled(folder string) {
	s, err := Open(folder, func(string) (Key, error) { return newKey(1), nil }, time.Now)
	var last Checkpoint
	if err == nil {
		var signed []byte
		if signed, err = s.Last(); len(signed) > 0 {
			last, err = s.read(signed)
		}
	}
	l := &testLog{t: &testing.T{}, origin: testOrigin}
	for i := int64(0); err == nil; i++ {
		l.add(fmt.Sprintf("leaf %d", i))
		if l.size <= last.Size {
			continue
		}
		r := l.request(last.Size, l.size, 0)
		r.Time = time.Now()
		if _, err = s.Sign(context.Background(), r); err == nil {
			last = l.at(l.size)
			fmt.Println(l.size)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// lastLine reads up to so many lines (0: all there are) and gives the number in the last one.
func lastLine(out io.Reader, lines int) (n int64) {
	for in := bufio.NewScanner(out); in.Scan(); {
		n, _ = strconv.ParseInt(in.Text(), 10, 64)
		if lines--; lines == 0 {
			break
		}
	}
	return n
}
