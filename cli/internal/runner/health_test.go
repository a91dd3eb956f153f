package runner

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAskMail(t *testing.T) {
	tests := []struct {
		name     string
		greeting string // none: it hangs up
		want     string // none: healthy
	}{
		{"ready", "220 localhost ESMTP\r\n", ""},
		{"not ready", "554 no\r\n", `begins with "554"`},
		{"hangs up", "", "does not answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			go func() {
				if conn, err := listener.Accept(); err == nil {
					_, _ = conn.Write([]byte(tt.greeting))
					_ = conn.Close()
				}
			}()
			err = ask(t.Context(), &http.Client{Timeout: 5 * time.Second}, "smtp://"+listener.Addr().String())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		if err := ask(t.Context(), &http.Client{Timeout: time.Second}, "smtp://127.0.0.1:1"); err == nil {
			t.Error("it is healthy")
		}
	})
}
