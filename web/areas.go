package web

import (
	"encoding/json"

	"veribatch/signatures/access"
)

func (s *server) showAreas(v *visit) (View, error) {
	areas, err := access.AllAreas(v.ctx, v)
	if err != nil {
		return nil, err
	}
	view := &AreasView{Page: v.frame(v.words("Areas")), Create: v.offer(true, "area.create", Form{ID: "area", Action: "/areas"})}
	for _, a := range areas {
		view.Areas = append(view.Areas, AreaLine{
			Code: a.Code, Title: a.Title, Rename: v.offer(true, "area.rename", Form{ID: "rename-" + a.Code, Action: "/areas/" + a.Code + "/rename"}),
		})
	}
	return view, nil
}

// onAreas says where areas are made and renamed: on their list.
func (s *server) onAreas() place {
	return place{page: s.showAreas, read: "area.read", next: func(*visit, json.RawMessage) string { return "/areas" }}
}

// areaWords gives an area as pages print it, "Solids 2 (solids-2)".
func (v *visit) areaWords(code string) (string, error) {
	areas, err := access.AllAreas(v.ctx, v)
	for _, a := range areas {
		if a.Code == code {
			return a.Title + " (" + code + ")", err
		}
	}
	return code, err
}

// areasFor lists the areas in which the person may do the act, as choices of a form; nothing when there is only one to mean.
func (v *visit) areasFor(act string) ([]Option, error) {
	areas, err := access.AreasWhere(v.ctx, v, v.who.Person, act)
	if err != nil || len(areas) < 2 {
		return nil, err
	}
	var choices []Option
	for _, a := range areas {
		choices = append(choices, Option{Value: a.Code, Words: a.Title + " (" + a.Code + ")"})
	}
	return choices, nil
}

// AreasView lists the areas of the plant. Create takes the fields code, title and reason; Rename of a line takes title and reason.
type AreasView struct {
	Page
	Areas  []AreaLine
	Create *Form
}

// AreaLine is one area.
type AreaLine struct {
	Code, Title string
	Rename      *Form
}

func (*AreasView) template() string { return "areas/index" }
