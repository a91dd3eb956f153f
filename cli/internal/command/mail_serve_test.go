package command

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What "seaport mail serve" took is what "seaport mail list" shows; who has not the token posts in vain.
func TestMailServe(t *testing.T) {
	root, data := filepath.Join("..", "..", ".."), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	run := func(ctx context.Context, args ...string) (int, string) {
		var out bytes.Buffer
		exit := Run(ctx, append(args, "--root", root, "--data", data), strings.NewReader(""), &out, &out)
		return exit, out.String()
	}
	if exit, out := run(ctx, "mail", "serve"); exit != exitFailed || !strings.Contains(out, "there are no keys") {
		t.Fatalf("without keys: exit code %d, %s", exit, out)
	}
	if exit, out := run(ctx, "secrets", "create"); exit != exitOK {
		t.Fatalf("exit code %d, %s", exit, out)
	}
	content, err := os.ReadFile(filepath.Join(data, "secrets", "notification.json"))
	if err != nil {
		t.Fatal(err)
	}
	var secrets map[string]string
	if err := json.Unmarshal(content, &secrets); err != nil {
		t.Fatal(err)
	}
	if got := secrets["mailer-url"]; got != "http://127.0.0.1:8160/" {
		t.Errorf("the mailer posts to %q, which is not where dapr.yaml has the app mail", got)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	ended := make(chan int, 1)
	go func() {
		exit, out := run(ctx, "mail", "serve", "--listen", address)
		if exit != exitOK {
			t.Errorf("serve: exit code %d, %s", exit, out)
		}
		ended <- exit
	}()
	const mail = "From: a@seaport.example\r\nTo: b@example.com\r\nSubject: hello\r\nMessage-ID: <1@seaport.example>\r\n\r\nhi\r\n"
	post := func(token string) (int, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/", strings.NewReader(mail))
		if err != nil {
			return 0, err
		}
		request.Header.Set("Content-Type", "message/rfc822")
		request.Header.Set("X-Mailer-Token", token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode, answer.Body.Close()
	}
	status, err := post(secrets["mailer-token"])
	for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); status, err = post(secrets["mailer-token"]) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil || status != http.StatusNoContent {
		t.Fatalf("posting a mail: %d, %v", status, err)
	}
	if status, err := post("x" + secrets["mailer-token"]); err != nil || status != http.StatusUnauthorized {
		t.Errorf("with another token: %d, %v", status, err)
	}
	if exit, out := run(ctx, "mail", "list"); exit != exitOK || strings.Count(out, "hello") != 1 {
		t.Errorf("list: exit code %d, %s", exit, out)
	}
	cancel()
	<-ended
}
