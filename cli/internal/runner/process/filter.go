package process

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Everything shows every line as it is.
func Everything(line string) (string, bool) { return line, true }

// DaprLines returns a Filter for the runtime's JSON log: "LEVEL message (scope)", warnings and worse only unless verbose,
// and none that every sound run has. What is no JSON, such as a panic, is shown as it is.
func DaprLines(verbose bool) Filter {
	return func(line string) (string, bool) {
		var entry struct {
			Level, Msg, Scope string
		}
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Level == "" {
			return line, verbose || strings.TrimSpace(line) != "" && !stdLog.MatchString(line)
		}
		if !verbose && slices.Contains([]string{"debug", "info"}, entry.Level) {
			return "", false
		}
		if !verbose && slices.ContainsFunc(expected, func(text string) bool { return strings.Contains(entry.Msg, text) }) {
			return "", false
		}
		level := strings.ToUpper(entry.Level)
		if level == "WARNING" {
			level = "WARN"
		}
		return level + " " + strings.TrimRight(entry.Msg, "\n") + " (" + entry.Scope + ")", true
	}
}

// stdLog are lines that dependencies of the runtime write past its log.
var stdLog = regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `)

// expected are warnings that a sound run on one machine has.
var expected = []string{
	"mTLS is disabled",
	"Graceful shutdown timeout is infinite",
	// Placement and scheduler run only where a store keeps actors.
	"Actor runtime disabled: api error: code = Unavailable desc = placement service is not configured",
	"No scheduler host addresses provided",
	// The scheduler's etcd, which is alone and on the loopback interface.
	"Running http and grpc server on single port",
	"exceeded recommended request limit",
	"simple token is not cryptographically signed",
	"quota exceeds the maximum value",
}

// Warnings returns a Filter for logs whose lines begin with their level: those of level INFO only if verbose.
func Warnings(verbose bool) Filter {
	return func(line string) (string, bool) { return line, verbose || !strings.HasPrefix(line, "INFO ") }
}

var natsLevel = regexp.MustCompile(`\[(INF|WRN|ERR|FTL|DBG|TRC)\] (.*)$`)

// NATSLines returns a Filter for the broker's log: warnings and worse only unless verbose.
func NATSLines(verbose bool) Filter {
	names := map[string]string{"WRN": "WARN", "ERR": "ERROR", "FTL": "FATAL", "INF": "INFO", "DBG": "DEBUG", "TRC": "TRACE"}
	return func(line string) (string, bool) {
		found := natsLevel.FindStringSubmatch(line)
		if found == nil {
			return line, strings.TrimSpace(line) != ""
		}
		show := verbose || slices.Contains([]string{"WRN", "ERR", "FTL"}, found[1])
		return names[found[1]] + " " + found[2], show
	}
}
