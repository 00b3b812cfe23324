package main

import (
	"fmt"
	"strings"
)

// page is a Markdown page in the making.
type page struct{ text strings.Builder }

// newPage begins a page with its title and what it is about.
func newPage(title, source, intro string) *page {
	p := &page{}
	p.line("<!-- Made by `make generate` from %s. Do not edit. -->\n", source)
	p.line("# %s\n", title)
	p.line("%s", intro)
	return p
}

// line adds a line.
func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// heading adds a heading of the given level.
func (p *page) heading(level int, text string) {
	if !strings.HasSuffix(p.text.String(), "\n\n") {
		p.line("")
	}
	p.line("%s %s\n", strings.Repeat("#", level), text)
}

// table adds the head of a table.
func (p *page) table(columns ...string) {
	p.row(columns...)
	p.line("|%s", strings.Repeat(" --- |", len(columns)))
}

// row adds a row of a table.
func (p *page) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.Join(strings.Fields(c), " "), "|", `\|`)
	}
	p.line("| %s |", strings.Join(cells, " | "))
}

func (p *page) String() string { return p.text.String() }

// code marks texts as code, one after the other.
func code(texts ...string) string {
	marked := make([]string, 0, len(texts))
	for _, t := range texts {
		if t != "" {
			marked = append(marked, "`"+t+"`")
		}
	}
	return strings.Join(marked, ", ")
}

// sentence makes a comment a sentence of its own.
func sentence(text string) string {
	text = oneLine(text)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
