package runner

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteTokens(t *testing.T) {
	data := t.TempDir()
	path := filepath.Join(data, TokensFile)
	if err := writeTokens(data, map[string]apiTokens{"vessel#2": {Dapr: "d", App: "a"}}); err != nil {
		t.Fatal(err)
	}
	want := `{
  "vessel#2": {
    "dapr_api_token": "d",
    "app_api_token": "a"
  }
}
`
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("the file holds %s, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v", info.Mode(), err)
	}
	removeTokens(data)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestRandomToken(t *testing.T) {
	one, two := randomToken(), randomToken()
	if raw, err := base64.RawURLEncoding.DecodeString(one); err != nil || len(raw) != 32 || one == two {
		t.Errorf("tokens %q and %q, %v", one, two, err)
	}
}
