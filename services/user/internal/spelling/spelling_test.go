package spelling_test

import (
	"strings"
	"testing"

	"seaport.example/services/user/internal/spelling"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	local64, label63 := strings.Repeat("a", 64), strings.Repeat("b", 63)
	for raw, want := range map[string]string{ // "": it is refused
		"kane@example.com":                "kane@example.com",
		" \tKane@EXAMPLE.Com\n":           "kane@example.com",
		"Kane.O'Hull+freight@example.com": "kane.o'hull+freight@example.com",
		"a@b.co":                          "a@b.co",
		"1@2.de":                          "1@2.de",
		"{a|b}||c@example.com":            "{a|b}||c@example.com", // which no key has as it is
		local64 + "@example.com":          local64 + "@example.com",
		"a@" + label63 + ".com":           "a@" + label63 + ".com",

		// Look-alikes become the same.
		"ｋａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ":       "kane@example.com",
		"kane﹫example。com":       "kane@example.com",
		"\u212aane@example.com":  "kane@example.com", // Kelvin sign
		"𝓀𝒶𝓃𝑒@example.com":       "kane@example.com",
		"ﬁnn@example.com":        "finn@example.com",
		"kane@exa\u00admple.com": "kane@example.com", // soft hyphen
		"kane@ⓔxample.com":       "kane@example.com",

		// Domains of other scripts have one form.
		"kane@München.de":        "kane@xn--mnchen-3ya.de",
		"kane@mu\u0308nchen.de":  "kane@xn--mnchen-3ya.de",
		"kane@XN--mnchen-3ya.de": "kane@xn--mnchen-3ya.de",
		"kane@straße.de":         "kane@xn--strae-oqa.de",
		"kane@еxample.com":       "kane@xn--xample-2of.com", // its first letter is Cyrillic
		"kane@例え.jp":             "kane@xn--r8jz45g.jp",

		"":                               "",
		"@":                              "",
		"kane":                           "",
		"kane@":                          "",
		"@example.com":                   "",
		"kane@hull@example.com":          "",
		"kane＠hull@example.com":          "",
		"kane hull@example.com":          "",
		"kane\u00a0hull@example.com":     "",
		"kane@exam ple.com":              "",
		"kane@example.com\x00":           "",
		"ka\x00ne@example.com":           "",
		"kane@example.com\r\nBcc: a@b.c": "",
		"\"kane\"@example.com":           "",
		"kane(hull)@example.com":         "",
		"<kane@example.com>":             "",
		"Kane <kane@example.com>":        "",
		"kane,able@example.com":          "",
		"kаne@example.com":               "", // its second letter is Cyrillic
		"käne@example.com":               "",
		"ka\u200bne@example.com":         "", // zero width space
		"ka\u202ene@example.com":         "",
		".kane@example.com":              "",
		"kane.@example.com":              "",
		"ka..ne@example.com":             "",
		local64 + "a@example.com":        "",
		"kane@localhost":                 "",
		"kane@example.com.":              "",
		"kane@.com":                      "",
		"kane@example..com":              "",
		"kane@-example.com":              "",
		"kane@example-.com":              "",
		"kane@exa_mple.com":              "",
		"kane@127.0.0.1":                 "",
		"kane@[127.0.0.1]":               "",
		"kane@[IPv6:::1]":                "",
		"kane@example.com:25":            "",
		"kane@exam/ple.com":              "",
		"kane@xn--a.com":                 "", // not what it says it is
		"kane@\u05d0b.com":               "", // written in both directions
		"kane@xn--example-.com":          "",
		"a@" + label63 + "b.com":         "",
		"a@" + strings.Repeat(label63+".", 4) + "com": "",
		strings.Repeat("a", 1<<20):                    "",
		"a@" + strings.Repeat("a.", 1<<19):            "",
	} {
		got, err := spelling.Spelling{}.Address(raw)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%.60q became %q, %v; want %q", raw, got, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "must ") {
			t.Errorf("%.60q is refused by %q, which is no reason for a person", raw, err)
		}
		if again, err := (spelling.Spelling{}).Address(got); want != "" && (err != nil || again != got) {
			t.Errorf("%q becomes %q, %v, at the second time", got, again, err)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"  Kane ":                "Kane",
		"Zoe\u0308":              "Zoë",
		"\u00a0Kane\u2003":       "Kane",
		"":                       "",
		"ＫＡＮＥ & Söhne (Hull) №1": "ＫＡＮＥ & Söhne (Hull) №1", // how a name is written is its owner's business
	} {
		if got := (spelling.Spelling{}).Name(raw); got != want {
			t.Errorf("%q became %q, want %q", raw, got, want)
		}
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{ // "": it is refused
		"from hull to Hamburg": "from hull to Hamburg",
		" around ":             " around ",
		"a\u00a0b\u3000c":      "a b c",
		"zoe\u0308":            "zoë",
		"pass🐟wort":            "pass🐟wort",
		"":                     "",
		"a\x00b":               "",
		"a\nb":                 "",
		"a\u0378b":             "", // not assigned
	} {
		got, err := spelling.Spelling{}.Password(raw)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%q became %q, %v; want %q", raw, got, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "must ") {
			t.Errorf("%q is refused by %q", raw, err)
		}
	}
}
