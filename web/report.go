package web

func (s *server) showReport(v *visit) error { return nil }
