package identity

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// quickly is long for an answer to bad input, on a machine that is busy.
const quickly = 10 * time.Second

// Bad sign-ups get the same clear refusal at every door, and nothing is stored.
func TestBadSignUps(t *testing.T) {
	p := shared(t)
	const megabyte = 1 << 20
	name := func(text string) func(*userv1.CreateRequest) {
		return func(r *userv1.CreateRequest) { r.Name = text }
	}
	company := func(text string) func(*userv1.CreateRequest) {
		return func(r *userv1.CreateRequest) { r.Company = text }
	}
	email := func(text string) func(*userv1.CreateRequest) {
		return func(r *userv1.CreateRequest) { r.Email = text }
	}
	password := func(text string) func(*userv1.CreateRequest) {
		return func(r *userv1.CreateRequest) { r.Password = text }
	}
	tests := []struct {
		name  string
		field string
		spoil func(r *userv1.CreateRequest)
	}{
		{"no name", "name", name("")},
		{"a name of spaces", "name", name(" \t ")},
		{"a name of 201 characters", "name", name(strings.Repeat("å", 201))},
		{"a name of 1 MB", "name", name(strings.Repeat("a", megabyte))},
		{"a name with a zero", "name", name("A\x00customer")},
		{"a name with a line break", "name", name("A\ncustomer")},
		{"a name that rings", "name", name("A\acustomer")},
		{"a company of 201 characters", "company", company(strings.Repeat("a", 201))},
		{"a company of 1 MB", "company", company(strings.Repeat("a", megabyte))},
		{"a company with an escape", "company", company("\x1b[31mred")},

		{"no address", "email", email("")},
		{"an address without @", "email", email("customer.test.example")},
		{"an address with two", "email", email("a@b@test.example")},
		{"no local part", "email", email("@test.example")},
		{"no domain", "email", email("customer@")},
		{"a domain without a dot", "email", email("customer@localhost")},
		{"a domain with two dots in a row", "email", email("customer@test..example")},
		{"a domain that begins with a hyphen", "email", email("customer@-test.example")},
		{"a domain with an underscore", "email", email("customer@te_st.example")},
		{"a local part with two dots in a row", "email", email("a..b@test.example")},
		{"a local part that begins with a dot", "email", email(".a@test.example")},
		{"a local part that ends with a dot", "email", email("a.@test.example")},
		{"a space in the address", "email", email("a b@test.example")},
		{"a line break in the address", "email", email("a@test.example\r\nBcc: b@test.example")},
		{"a zero in the address", "email", email("a\x00@test.example")},
		{"a quoted local part", "email", email(`"a b"@test.example`)},
		{"a name around the address", "email", email("A <a@test.example>")},
		{"Cyrillic letters that look Latin", "email", email("\u0430dmin@test.example")},
		{"a local part of 65 characters", "email", email(strings.Repeat("a", 65) + "@test.example")},
		{"an address of 255 characters", "email", email("a@" + strings.Repeat(strings.Repeat("b", 60)+".", 4) + "example.io")},
		{"an address of 1 MB", "email", email(strings.Repeat("a", megabyte) + "@test.example")},

		{"no password", "password", password("")},
		{"a password of 7 characters", "password", password("qX7-bbb")},
		{"a password of 7 characters in 14 bytes", "password", password("åäöåäöå")},
		{"a common password", "password", password("password")},
		{"a common password in capitals", "password", password("PASSWORD")},
		{"a common password of digits", "password", password("12345678")},
		{"the address for a password", "password", func(r *userv1.CreateRequest) { r.Password = r.GetEmail() }},
		{"a password of 257 characters", "password", password(strings.Repeat("qX7-", 64) + "b")},
		{"a password of 1 MB", "password", password(strings.Repeat("qX7-", megabyte/4))},
		{"a password with a zero", "password", password("qX7-bbb\x00bbb")},

		{"a request id of 129 characters", "request_id", func(r *userv1.CreateRequest) { r.RequestId = strings.Repeat("a", 129) }},
	}
	before := stored(t, p)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			account := platform.NewAccount()
			request := &userv1.CreateRequest{Name: "A customer", Company: "Of a test", Email: account.Email, Password: account.Password}
			test.spoil(request)
			began := time.Now()
			wantBadSignUp(t, p, request, test.field)
			if took := time.Since(began); took > quickly {
				t.Errorf("refused after %s", took)
			}
		})
	}
	t.Run("all that is wrong is named at once", func(t *testing.T) {
		_, err := p.Nobody().Client(t).Users.Create(t.Context(), &userv1.CreateRequest{Email: "rubbish", Password: "short"})
		var fields []string
		for _, v := range freight.Violations(err) {
			fields = append(fields, v.Field)
		}
		if slices.Sort(fields); !slices.Equal(fields, []string{"email", "name", "password"}) {
			t.Errorf("the refusal names %v, want email, name and password", fields)
		}
	})
	wantStored(t, before, stored(t, p))
}

// wantBadSignUp wants the refusal over gRPC, REST and the command line, naming the field, and the
// password in none of them.
func wantBadSignUp(t *testing.T, p *platform.Platform, request *userv1.CreateRequest, field string) {
	t.Helper()
	secret := map[string]string{"password": request.GetPassword()}
	if len(request.GetPassword()) < 8 || strings.EqualFold(request.GetPassword(), "password") || request.GetPassword() == request.GetEmail() {
		secret = nil // such words are in any text
	}
	_, err := p.Nobody().Client(t).Users.Create(t.Context(), request)
	freight.Refused(t, err, codes.InvalidArgument)
	wantNamed(t, "gRPC", freight.Violations(err), field)
	wantShort(t, "gRPC", err.Error(), secret)

	document, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	answer := p.Nobody().REST(t, "POST", "/v1/users", document)
	if answer.Status != 400 || codeIn(t, answer) != invalid {
		t.Errorf("REST: answered %d %.300s", answer.Status, answer.Body)
	}
	wantNamed(t, "REST", violationsIn(t, answer), field)
	wantShort(t, "REST", string(answer.Body), secret)

	// What no argument of a program and no line of text can hold cannot come from there.
	if field == "request_id" || strings.ContainsAny(fmt.Sprint(request.GetName(), request.GetCompany(), request.GetEmail(), request.GetPassword()), "\x00\n") ||
		proto.Size(request) > 100_000 {
		return
	}
	out := p.CLIAt(t, t.TempDir(), request.GetPassword()+"\n", "user", "create",
		"--name", request.GetName(), "--company", request.GetCompany(), "--email", request.GetEmail())
	if out.Exit == 0 || !strings.HasPrefix(out.Stderr, "seaport: ") || !strings.Contains(out.Stderr, field) {
		t.Errorf("command line: exit %d, %q, want %s named", out.Exit, out.Stderr, field)
	}
	wantShort(t, "command line", out.Stderr+out.Stdout, secret)
}

func wantNamed(t *testing.T, door string, violations []freight.Violation, field string) {
	t.Helper()
	if len(violations) != 1 || violations[0].Field != field || violations[0].Description == "" {
		t.Errorf("%s: the refusal names %+v, want %s alone", door, violations, field)
	}
}

func wantShort(t *testing.T, door, text string, secret map[string]string) {
	t.Helper()
	if len(text) > 4_000 {
		t.Errorf("%s: the refusal has %d characters", door, len(text))
	}
	for _, entrail := range []string{"goroutine ", "panic", ".go:"} {
		if strings.Contains(text, entrail) {
			t.Errorf("%s: the refusal shows %q", door, entrail)
		}
	}
	wantWithout(t, door, text, secret)
}

// violationsIn returns what a REST error names.
func violationsIn(t *testing.T, answer platform.Answer) []freight.Violation {
	t.Helper()
	var body struct {
		Error struct {
			Violations []freight.Violation `json:"violations"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil {
		t.Errorf("REST: answered %d %.300s: %v", answer.Status, answer.Body, err)
	}
	return body.Error.Violations
}

// stored lists the keys of all that the user service has stored for users.
func stored(t *testing.T, p *platform.Platform) []string {
	t.Helper()
	keys := slices.Sorted(maps.Keys(p.Rows(t, "user", "")))
	return slices.DeleteFunc(keys, func(key string) bool { return strings.HasPrefix(key, "seat") })
}

func wantStored(t *testing.T, before, after []string) {
	t.Helper()
	for _, key := range after {
		if !slices.Contains(before, key) && !strings.HasPrefix(key, "session/") {
			t.Errorf("it stored %q", key)
		}
	}
}

// Addresses that are the same but for how they are written are one account.
func TestLookAlikesAreOneAccount(t *testing.T) {
	p := shared(t)
	users := p.Nobody().Client(t).Users
	account := platform.NewAccount()
	local, domain, _ := strings.Cut(account.Email, "@")
	full := strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r + 0xfee0 // its full-width form
		}
		return r
	}, local)
	created, err := users.Create(t.Context(), &userv1.CreateRequest{Name: "A customer", Email: "  " + full + "@" + strings.ToUpper(domain) + " ", Password: account.Password})
	if err != nil || created.GetUser().GetEmail() != account.Email {
		t.Fatalf("registered as %v, %v, want %q", created, err, account.Email)
	}
	for _, written := range []string{account.Email, strings.ToUpper(account.Email), full + "@" + domain, full + "\uff20" + domain, " " + account.Email + "\t"} {
		if _, err := users.Create(t.Context(), &userv1.CreateRequest{Name: "Again", Email: written, Password: account.Password}); codeOf(err) != codes.AlreadyExists {
			t.Errorf("%q: got %v, want ALREADY_EXISTS", written, err)
		}
		if answer, err := users.Auth(t.Context(), &userv1.AuthRequest{Email: written, Password: account.Password}); err != nil || answer.GetUser().GetId() != created.GetUser().GetId() {
			t.Errorf("logging in as %q: %v, %v", written, answer.GetUser(), err)
		}
	}
	t.Run("a domain of other letters is stored in ASCII", func(t *testing.T) {
		local := strings.ToLower(platform.NewAccount().Email[:20])
		created, err := users.Create(t.Context(), &userv1.CreateRequest{Name: "A customer", Email: local + "@Bücher.example", Password: account.Password})
		if err != nil || created.GetUser().GetEmail() != local+"@xn--bcher-kva.example" {
			t.Errorf("registered as %v, %v", created, err)
		}
	})
}

// Tokens of 1 MB, wherever one is expected, are refused quickly.
func TestHugeTokens(t *testing.T) {
	p := shared(t)
	huge := strings.Repeat("a", 1<<20)
	users := p.Nobody().Client(t).Users
	began := time.Now()

	_, err := users.ValidateToken(t.Context(), &userv1.ValidateTokenRequest{Token: huge})
	freight.Refused(t, err, codes.InvalidArgument)
	wantNamed(t, "ValidateToken", freight.Violations(err), "token")
	_, err = users.RefreshToken(t.Context(), &userv1.RefreshTokenRequest{RefreshToken: huge})
	if code := codeOf(err); code != codes.InvalidArgument && code != unknown {
		t.Errorf("RefreshToken: got %.200v", err)
	}
	_, err = users.RevokeTokens(t.Context(), &userv1.RevokeTokensRequest{RefreshToken: huge})
	freight.Refused(t, err, codes.InvalidArgument)
	if _, err := p.With(huge).Client(t).Users.Get(t.Context(), &userv1.GetRequest{Id: "me"}); err == nil || len(err.Error()) > 4_000 {
		t.Errorf("a header of 1 MB over gRPC: got %.200v", err)
	}
	if status := hugeHeader(t, p, huge); !strings.Contains(status, " 431 ") {
		t.Errorf("a header of 1 MB over REST is answered %q, want 431", status)
	}
	if took := time.Since(began); took > quickly {
		t.Errorf("it took %s", took)
	}
	p.WaitHealthy(t)
}

// hugeHeader returns the first line of the answer. The server stops reading early, which a client
// of the standard library may take for a failure of its own.
func hugeHeader(t *testing.T, p *platform.Platform, token string) string {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(quickly))
	go func() {
		_, _ = fmt.Fprintf(conn, "GET /v1/users/me HTTP/1.1\r\nHost: seaport\r\nAuthorization: Bearer %s\r\n\r\n", token)
	}()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return line
}
