package web_test

import (
	"strings"

	"github.com/stretchr/testify/require"

	"veribatch/recipes/library"
	"veribatch/signatures/access"
)

func init() { sentences = append(sentences, areaWorkings...) }

// areaWorkings are what people do about areas.
var areaWorkings = []sentence{
	on(setting, `(\w+) holds the role (\w+) for (\w+) only`, func(s *script, a []string) {
		who := s.people[a[0]]
		s.place(who, access.WholeSite)
		s.place(who, a[2], access.Role(a[1]))
	}),
	on(act, `SHE gives (\w+) the role (\w+) for (\w+)`, func(s *script, a []string) {
		s.outcome = s.placing(s.people[a[0]], a[2], access.Role(a[1]))
	}),
	on(act, `SHE makes the area (\S+) called TEXT`, func(s *script, a []string) {
		s.now.open("/areas")
		s.now.send("area", map[string]string{"code": a[0], "title": a[1], "reason": "a second site"})
	}),
	on(act, `SHE renames the area (\S+) to TEXT because TEXT`, func(s *script, a []string) {
		s.now.open("/areas")
		s.now.send("rename-"+a[0], map[string]string{"title": a[1], "reason": a[2]})
	}),
	on(act, `SHE imports the recipe ([\w-]+) for the area (\S+)`, func(s *script, a []string) {
		s.now.open("/recipes/import")
		fill := map[string]string{"text": string(library.Text(a[0] + ".recipe"))}
		if s.now.at.forms["import"].known["area"] {
			fill["area"] = a[1]
		}
		s.now.upload("import", fill)
		if s.now.at.status < 400 {
			s.recipe = s.now.at.path
		}
	}),
	on(fact, `the recipe belongs to TEXT`, func(s *script, a []string) {
		require.Contains(s.t, strings.ReplaceAll(s.now.open(s.recipe).text, "\n", " "), "Area "+a[0])
	}),
}
