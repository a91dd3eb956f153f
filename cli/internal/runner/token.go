package runner

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"seaport.example/cli/internal/runner/privatefile"
)

// TokensFile is the name of the file in the data folder that holds the apiTokens of every app, by the name of its
// process. It is there as long as the run is.
const TokensFile = "tokens.json"

// apiTokens are what an app and its sidecar know each other by. Both have both, in their environment: what a process
// was called with is shown to every user of the machine, its environment is not.
type apiTokens struct {
	// Dapr is what the sidecar wants to see from who calls it.
	Dapr string `json:"dapr_api_token"`
	// App is what the app wants to see from who calls it.
	App string `json:"app_api_token"`
}

// environment are the variables in which Dapr looks for them
// (https://docs.dapr.io/operations/security/api-token, https://docs.dapr.io/operations/security/app-api-token).
func (t apiTokens) environment() map[string]string {
	return map[string]string{"DAPR_API_TOKEN": t.Dapr, "APP_API_TOKEN": t.App}
}

// randomToken returns 32 random bytes as text.
func randomToken() string {
	token := make([]byte, 32)
	_, _ = rand.Read(token) // never fails
	return base64.RawURLEncoding.EncodeToString(token)
}

// writeTokens keeps the tokens for people and tests who want to call a sidecar or an app themselves.
func writeTokens(data string, tokens map[string]apiTokens) error {
	text, err := json.MarshalIndent(tokens, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping the API tokens: %w", err)
	}
	return privatefile.Write(filepath.Join(data, TokensFile), append(text, '\n'))
}

func removeTokens(data string) { _ = os.Remove(filepath.Join(data, TokensFile)) }
