package user_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"seaport.example/services/user/internal/user"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("ü", n) }
	for name, c := range map[string]struct {
		change func(r *user.Registration)
		fields []string // at fault; none: it is all right
	}{
		"all right":                     {func(*user.Registration) {}, nil},
		"no company":                    {func(r *user.Registration) { r.Company = "" }, nil},
		"longest name":                  {func(r *user.Registration) { r.Name = " " + long(200) + "\n" }, nil},
		"longest company":               {func(r *user.Registration) { r.Company = long(200) }, nil},
		"longest password":              {func(r *user.Registration) { r.Password = long(255) + "a" }, nil},
		"shortest password":             {func(r *user.Registration) { r.Password = "ab34efgü" }, nil},
		"longest request id":            {func(r *user.Registration) { r.RequestID = long(128) }, nil},
		"joiners in a name":             {func(r *user.Registration) { r.Name = "می\u200cخواهم" }, nil},
		"password with a common part":   {func(r *user.Registration) { r.Password = "password1 and more" }, nil},
		"no name":                       {func(r *user.Registration) { r.Name = "" }, []string{"name"}},
		"blank name":                    {func(r *user.Registration) { r.Name = " \t" }, []string{"name"}},
		"long name":                     {func(r *user.Registration) { r.Name = long(201) }, []string{"name"}},
		"megabyte name":                 {func(r *user.Registration) { r.Name = strings.Repeat("a", 1<<20) }, []string{"name"}},
		"control character in a name":   {func(r *user.Registration) { r.Name = "a\x00b" }, []string{"name"}},
		"escape in a company":           {func(r *user.Registration) { r.Company = "a\x1b[31mb" }, []string{"company"}},
		"line separator in a name":      {func(r *user.Registration) { r.Name = "a\u2028b" }, []string{"name"}},
		"name that is written backward": {func(r *user.Registration) { r.Name = "a\u202eb" }, []string{"name"}},
		"long company":                  {func(r *user.Registration) { r.Company = long(201) }, []string{"company"}},
		"no address":                    {func(r *user.Registration) { r.Email = " " }, []string{"email"}},
		"no such address":               {func(r *user.Registration) { r.Email = "a!b" }, []string{"email"}},
		"long address":                  {func(r *user.Registration) { r.Email = long(255) }, []string{"email"}},
		"megabyte address":              {func(r *user.Registration) { r.Email = strings.Repeat("a", 1<<20) }, []string{"email"}},
		"no password":                   {func(r *user.Registration) { r.Password = "" }, []string{"password"}},
		"short password":                {func(r *user.Registration) { r.Password = "ab34efü" }, []string{"password"}},
		"long password":                 {func(r *user.Registration) { r.Password = long(257) }, []string{"password"}},
		"no such password":              {func(r *user.Registration) { r.Password = "from hull!" }, []string{"password"}},
		"common password":               {func(r *user.Registration) { r.Password = "password" }, []string{"password"}},
		"common password, other case":   {func(r *user.Registration) { r.Password = "PassWord123" }, []string{"password"}},
		"one letter":                    {func(r *user.Registration) { r.Password = "hhhhHHHHhhhh" }, []string{"password"}},
		"name as password":              {func(r *user.Registration) { r.Name, r.Password = "Kane Salty", "kane salty" }, []string{"password"}},
		"company as password":           {func(r *user.Registration) { r.Password = "salty Secrets" }, []string{"password"}},
		"address as password":           {func(r *user.Registration) { r.Password = "KANE@example.com" }, []string{"password"}},
		"part of address as password": {func(r *user.Registration) { r.Email, r.Password = "saltykane@example.com", "SaltyKane" },
			[]string{"password"}},
		"long request id": {func(r *user.Registration) { r.RequestID = long(129) }, []string{"request_id"}},
		"everything":      {func(r *user.Registration) { *r = user.Registration{Company: "\x00", RequestID: long(129)} }, []string{"name", "company", "email", "password", "request_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := kane()
			c.change(&r)
			err := r.Normalise(spelling{})
			if len(c.fields) > 0 {
				wantFailure(t, name, err, "InvalidArgument", c.fields...)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

// No password is quoted by what refuses it.
func TestRefusalHidesThePassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"password123", "sesame!", "sesame!sesame", "sesame"} {
		r := kane()
		r.Password = password
		if err := r.Normalise(spelling{}); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%q is refused by %v", password, err)
		}
	}
}

// What is not to be seen does not show itself in a log, however it gets there.
func TestHidden(t *testing.T) {
	t.Parallel()
	const secret = "sesame"
	for _, v := range []any{
		user.Registration{Password: secret}, user.Credential{Hash: secret}, user.Tokens{Access: secret, Refresh: secret},
	} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		if text := log.String() + fmt.Sprintf("%v %+v %s", v, v, v); strings.Contains(text, secret) {
			t.Errorf("%T shows itself: %s", v, text)
		}
	}
}

// The list is searched as it is: sorted, in lower case, and of passwords that are long enough to be tried.
func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("common.txt")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(words) < 300 {
		t.Errorf("only %d passwords", len(words))
	}
	if !slices.IsSorted(words) {
		t.Error("the list is not sorted")
	}
	if len(slices.Compact(slices.Clone(words))) != len(words) {
		t.Error("the list has a password twice")
	}
	for _, word := range words {
		if word != strings.ToLower(word) || strings.ContainsAny(word, " \t\r") || utf8.RuneCountInString(word) < 8 {
			t.Errorf("%q is not in the form of the list", word)
		}
		r := kane()
		r.Password = word
		if strings.Contains(word, "!") {
			continue // the spelling here refuses it for itself
		}
		if r.Normalise(spelling{}) == nil {
			t.Errorf("%q is taken", word)
		}
	}
}
