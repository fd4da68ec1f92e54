package recipes

import (
	"fmt"
	"strings"
	"testing"
)

// long is the whole recipe with so many steps, each third a calculation on the one before it, each tenth within a structure of its own.
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
