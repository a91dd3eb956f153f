// Package letter puts notices into words, as text and as HTML, and e-mails into the form in which they travel.
package letter

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"

	"seaport.example/services/notification/internal/notification"
)

//go:embed template
var files embed.FS

var (
	texts = texttemplate.Must(texttemplate.ParseFS(files, "template/*.txt"))
	pages = htmltemplate.Must(htmltemplate.ParseFS(files, "template/*.html"))
)

// forms is what is written for each kind of notice: the name of its templates.
var forms = map[notification.Kind]string{
	notification.Welcome:      "welcome",
	notification.Confirmation: "confirmation",
	notification.Cancellation: "cancellation",
	notification.News:         "news",
}

// Writer writes letters.
type Writer struct{}

var _ notification.Writer = Writer{}

// Write writes a letter of a notice.
func (Writer) Write(n *notification.Notice, to notification.Person) (notification.Letter, error) {
	form, ok := forms[n.Kind]
	if !ok {
		return notification.Letter{}, fmt.Errorf("there is no letter of kind %d", n.Kind)
	}
	data := struct {
		To    notification.Person
		Cargo notification.Cargo
	}{to, n.Cargo}
	var subject, text, page strings.Builder
	if err := errors.Join(
		texts.ExecuteTemplate(&subject, form+".subject", data),
		texts.ExecuteTemplate(&text, form+".txt", data),
		pages.ExecuteTemplate(&page, form+".html", data),
	); err != nil {
		return notification.Letter{}, fmt.Errorf("write a %s letter: %w", form, err)
	}
	return notification.Letter{Subject: subject.String(), Text: text.String(), HTML: page.String()}, nil
}

// plain returns the HTML of a text.
func plain(text string) (string, error) {
	var page strings.Builder
	if err := pages.ExecuteTemplate(&page, "plain.html", text); err != nil {
		return "", fmt.Errorf("write a text as HTML: %w", err)
	}
	return page.String(), nil
}
