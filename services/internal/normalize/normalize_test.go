package normalize_test

import (
	"testing"

	"golang.org/x/text/unicode/norm"

	"seaport.example/services/internal/normalize"
)

func TestName(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                               "",
		"Derby, United Kingdom":          "Derby, United Kingdom",
		"Z\u00fcrich":                    "Zürich",
		"Zu\u0308rich":                   "Zürich",
		"Zu\u200b\u0308rich":             "Zürich", // what is left out parted them
		"\ufeffZ\u00fc\u00adrich\u200e":  "Zürich",
		"Zürich\ufe0f":                   "Zürich",
		"\u200b\u2060":                   "",
		"Stratford\u2010upon\u2011Avon":  "Stratford-upon-Avon",
		"Stratford\u2013upon\u2014Avon":  "Stratford-upon-Avon",
		"Stratford\u2212upon\uff0dAvon":  "Stratford-upon-Avon",
		"Stratford\u2043upon\u02d7Avon":  "Stratford-upon-Avon",
		"\u00a0New\u2003\u3000 York ":    "New York",
		"New\u2028York":                  "New York",
		"ＨＵＬＬ":                           "HULL",
		"\u3164":                         "",        // Hangul filler
		"Derby\n":                        "Derby\n", // which no name may have
		"a\tb":                           "a\tb",
		"H\u0430mburg":                   "H\u0430mburg", // a Cyrillic letter is another letter
		"hull":                           "hull",
		"HULL":                           "HULL",
		"東京":                             "東京",
		"\u0e01\u0e33":                   "\u0e01\u0e4d\u0e32", // compatibility form of Thai
		"5e0b0f64-0d6c-4a55-9d3a-2f4f5f": "5e0b0f64-0d6c-4a55-9d3a-2f4f5f",
	} {
		if got := normalize.Name(raw); got != want {
			t.Errorf("Name(%+q) = %+q, want %+q", raw, got, want)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, seed := range []string{"Zu\u200b\u0308rich", "\u00b4 a", "\u3164\u1100\u1161", " \u00ad- ", "\xff", "\u2028\u0085"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name := normalize.Name(raw)
		if again := normalize.Name(name); again != name {
			t.Errorf("Name(%+q) = %+q, and of that %+q", raw, name, again)
		}
		if other := normalize.Name(norm.NFD.String(raw)); other != name {
			t.Errorf("Name(%+q) = %+q, decomposed %+q", raw, name, other)
		}
	})
}
