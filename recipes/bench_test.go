package recipes

import (
	"fmt"
	"strings"
	"testing"
)

// long is the whole recipe with so many steps, each third a calculation on the one before it.
func long(steps int) string {
	var b strings.Builder
	for i := range steps / 3 {
		fmt.Fprintf(&b, `      entry "E%d" {
        title = "Measure"
        text  = "Measure it."

        value "net" {
          title    = "Net"
          kind     = "decimal"
          unit     = "kg"
          decimals = "2"

          action {
            low  = "1.00"
            high = "9.00"
          }
        }

        value "look" {
          title   = "Look"
          kind    = "choice"
          options = ["fine", "coarse"]
        }
      }

      calculation "C%d" {
        title = "Share"
        text  = "The system computes it."

        value "share" {
          title    = "Share"
          formula  = "round([E%d.net] / ([E%d.net] + 1 'kg') * 100 '%%', 1 '%%')"
          unit     = "%%"
          decimals = "1"
        }
      }

      selection "S%d" {
        title = "After the look"

        branch "F" {
          title = "Fine"
          when  = "[E%d.look] = 'fine' and [C%d.share] > 10 '%%'"

          instruction "F%d" {
            title = "Go on"
            text  = "Go on."
          }
        }

        branch "O" {
          title     = "Others"
          otherwise = true

          instruction "O%d" {
            title = "Sieve"
            text  = "Sieve."
          }
        }
      }

`, i, i, i, max(0, i-1), i, i, i, i, i)
	}
	at := "      sign_off \"230\" {"
	return strings.Replace(whole, at, b.String()+at, 1)
}

func BenchmarkCheck(b *testing.B) {
	for _, steps := range []int{50, 500, 1400} {
		text := []byte(long(steps))
		b.Run(fmt.Sprint(steps), func(b *testing.B) {
			for b.Loop() {
				if _, faults := Check("x", text); len(faults) > 0 {
					b.Fatal(faults)
				}
			}
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	for _, steps := range []int{50, 500, 1400} {
		text := long(steps)
		old, faults := Check("x", []byte(text))
		if len(faults) > 0 {
			b.Fatal(faults)
		}
		changed, faults := Check("x", []byte(strings.ReplaceAll(text, `high = "9.00"`, `high = "9.50"`)))
		if len(faults) > 0 {
			b.Fatal(faults)
		}
		b.Run(fmt.Sprint(steps), func(b *testing.B) {
			for b.Loop() {
				if n := len(Compare(old, changed)); n != steps/3 {
					b.Fatal(n)
				}
			}
		})
	}
}
