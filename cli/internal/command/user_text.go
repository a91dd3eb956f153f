package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	userv1 "seaport.example/proto/seaport/user/v1"
)

// rolePrefix begins the names of roles in the contract.
const rolePrefix = "ROLE_"

// parseRoles reads roles, several in a word where commas are between them, each once.
func parseRoles(words []string) ([]userv1.Role, error) {
	var roles []userv1.Role
	for _, word := range words {
		for name := range strings.SplitSeq(word, ",") {
			number := userv1.Role_value[rolePrefix+strings.ToUpper(strings.TrimSpace(name))]
			if number == 0 {
				return nil, fmt.Errorf("argument ROLE: must be customer, operator or admin, not %q", name)
			}
			if role := userv1.Role(number); !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	return roles, nil
}

// roleNames returns the names of roles as people write them.
func roleNames(roles []userv1.Role) []string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = strings.ToLower(strings.TrimPrefix(role.String(), rolePrefix))
	}
	return names
}

func rolesText(roles []userv1.Role) string {
	if len(roles) == 0 {
		return "no roles"
	}
	return strings.Join(roleNames(roles), ", ")
}

// userRows returns what there is to say of a user beside the address.
func userRows(u *userv1.User) [][]string {
	return [][]string{
		{"ID:", u.GetId()},
		{"Name:", u.GetName()},
		{"Company:", u.GetCompany()},
		{"Roles:", rolesText(u.GetRoles())},
		{"Registered:", moment(u.GetCreateTime())},
	}
}

func writeUser(w io.Writer, u *userv1.User) error {
	fmt.Fprintf(w, "User %s\n", visible(u.GetEmail()))
	return table(w, "  ", userRows(u))
}

func writeUsers(w io.Writer, users []*userv1.User) error {
	if len(users) == 0 {
		_, err := fmt.Fprintln(w, "No users.")
		return err
	}
	rows := [][]string{{"ID", "E-MAIL", "NAME", "COMPANY", "ROLES", "REGISTERED"}}
	for _, u := range users {
		rows = append(rows, []string{u.GetId(), u.GetEmail(), u.GetName(), u.GetCompany(), strings.Join(roleNames(u.GetRoles()), ","), moment(u.GetCreateTime())})
	}
	return table(w, "", rows)
}
