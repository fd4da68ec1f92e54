package access

import "slices"

// Matrix is what the roles may do by one policy, which need not be the one in force now.
type Matrix struct{ p *policy }

// Model gives the text of the access model, the other half of what Digest covers.
func Model() string { return modelText }

// Decide reads a policy that was in force at another time.
func Decide(model, policy string) (*Matrix, error) {
	p, err := decide(model, []byte(policy))
	if err != nil {
		return nil, err
	}
	return &Matrix{p}, nil
}

// Acts lists what a role may do, for the whole plant or for the areas for which it is held; for everyone's acts name no role.
func (m *Matrix) Acts(role Role) []string {
	if role == "" {
		role = everyone
	}
	return slices.DeleteFunc(slices.Clone(m.p.acts), func(act string) bool { return !m.p.may[role][act] && !m.p.own[role][act] })
}
