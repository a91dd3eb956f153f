package runner

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/runner/privatefile"
	userv1 "seaport.example/proto/seaport/user/v1"
)

// UsersFile is the name of the file in the data folder that holds the sample users and their passwords.
const UsersFile = "users.json"

// sampleUser is one entry of UsersFile.
type sampleUser struct {
	Role     string `json:"role"`
	Email    string `json:"email"`
	Password string `json:"password"`
	UserID   string `json:"user_id"` // empty until the user is there and has the role
}

// sampleRoles are the roles of the sample users. The first is the one to begin with.
var sampleRoles = []struct {
	name string
	role userv1.Role
}{
	{"customer", userv1.Role_ROLE_CUSTOMER},
	{"operator", userv1.Role_ROLE_OPERATOR},
	{"admin", userv1.Role_ROLE_ADMIN},
}

// newSampleUsers returns a user for each role, with a password.
func newSampleUsers() []sampleUser {
	users := make([]sampleUser, 0, len(sampleRoles))
	for _, role := range sampleRoles {
		users = append(users, sampleUser{
			Role: role.name, Email: role.name + "@seaport.example",
			// 100 random bits that can be copied by hand.
			Password: strings.ToLower(rand.Text()[:20]),
		})
	}
	return users
}

// errUsersDamaged says that UsersFile cannot be read.
var errUsersDamaged = errors.New("it is damaged")

// readUsers returns what is in UsersFile. Errors: os.ErrNotExist, errUsersDamaged.
func readUsers(data string) ([]sampleUser, error) {
	path := filepath.Join(data, UsersFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the sample users: %w", err)
	}
	var users []sampleUser
	err = json.Unmarshal(content, &users)
	lacking := func(u sampleUser) bool { return u.Email == "" || u.Password == "" || roleOf(u.Role) == 0 }
	if err != nil || len(users) == 0 || slices.ContainsFunc(users, lacking) {
		return nil, fmt.Errorf("reading the sample users in %s: %w", path, errUsersDamaged)
	}
	return users, nil
}

func writeUsers(data string, users []sampleUser) error {
	content, err := json.MarshalIndent(users, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping the sample users: %w", err)
	}
	return privatefile.Write(filepath.Join(data, UsersFile), append(content, '\n'))
}

func roleOf(name string) userv1.Role {
	for _, role := range sampleRoles {
		if role.name == name {
			return role.role
		}
	}
	return userv1.Role_ROLE_UNSPECIFIED
}

// registrar sees to it that the sample users exist.
type registrar struct {
	data  string
	users userv1.UserServiceClient
	token string // of an admin
}

func newRegistrar(data string, conn *grpc.ClientConn, token string) *registrar {
	return &registrar{data: data, users: userv1.NewUserServiceClient(conn), token: token}
}

// registered is what came of it.
type registered struct {
	users   []sampleUser // those there are now, with their passwords
	created []sampleUser // those of them that were not there before
	unknown []string     // addresses that were taken already, by users whose passwords are not known here
}

// ensure creates the sample users that are missing. Passwords are in UsersFile before the first user is created, and the
// id of a user is once the user is complete, so that the next start goes on after a crash.
// Errors: errUsersDamaged.
func (r *registrar) ensure(ctx context.Context) (registered, error) {
	var result registered
	users, err := readUsers(r.data)
	if errors.Is(err, os.ErrNotExist) {
		users = newSampleUsers()
		err = writeUsers(r.data, users)
	}
	if err != nil {
		return result, err
	}
	before := slices.Clone(users)
	for i := range users {
		user := &users[i]
		switch created, err := r.ensureUser(ctx, user); {
		case status.Code(err) == codes.AlreadyExists:
			result.unknown = append(result.unknown, user.Email)
			continue
		case err != nil:
			return result, fmt.Errorf("creating the sample user %s: %w", user.Email, err)
		case created:
			result.created = append(result.created, *user)
		}
		result.users = append(result.users, *user)
	}
	if slices.Equal(before, result.users) {
		return result, nil
	}
	if len(result.users) == 0 {
		// What is in it are no passwords of anybody.
		return result, os.Remove(filepath.Join(r.data, UsersFile))
	}
	return result, writeUsers(r.data, result.users)
}

// ensureUser creates the user unless it is there, and says whether it did. Errors: ALREADY_EXISTS when another
// user has the address, or this one with another password.
func (r *registrar) ensureUser(ctx context.Context, user *sampleUser) (created bool, err error) {
	admin := bearing(ctx, r.token)
	if user.UserID != "" {
		_, err := r.users.Get(admin, &userv1.GetRequest{Id: user.UserID})
		if status.Code(err) != codes.NotFound {
			return false, err
		}
		// The state of an earlier run is gone.
	}
	response, err := r.users.Create(ctx, &userv1.CreateRequest{
		Name: "Sample " + user.Role, Company: "Seaport", Email: user.Email, Password: user.Password,
		// A fixed one: trying again after a crash finds the same user.
		RequestId: "seaport-sample-" + user.Role,
	})
	if err != nil {
		return false, err
	}
	user.UserID = response.GetUser().GetId()
	if roles := []userv1.Role{roleOf(user.Role)}; !slices.Equal(roles, response.GetUser().GetRoles()) {
		_, err = r.users.SetRoles(admin, &userv1.SetRolesRequest{Id: user.UserID, Roles: roles})
	}
	return true, err
}

// table shows users with their passwords, a line each.
func table(users []sampleUser) []string {
	var text strings.Builder
	writer := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(writer, "E-MAIL\tPASSWORD\tROLE")
	for _, user := range users {
		fmt.Fprintf(writer, "%s\t%s\t%s\n", user.Email, user.Password, user.Role)
	}
	_ = writer.Flush() // into memory
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
}
