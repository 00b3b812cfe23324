package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is text whose columns are aligned over all rows, also across lines between them.
type table struct {
	lines  [][]string
	widths []int
}

// gap is what lies between two columns.
const gap = 2

// line adds a line that no column is aligned with.
func (t *table) line(format string, args ...any) {
	t.lines = append(t.lines, []string{fmt.Sprintf(format, args...)})
}

// row adds two or more cells that stay on one line.
func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = plain(cells[i])
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cells[i]))
	}
	t.lines = append(t.lines, cells)
}

// plain is a text on one line, without characters that could move a cursor: what was seen comes from
// elsewhere.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// write writes everything, without blanks at the ends of lines.
func (t *table) write(to io.Writer) error {
	for _, cells := range t.lines {
		var line strings.Builder
		for i, cell := range cells {
			line.WriteString(cell)
			if i < len(cells)-1 {
				line.WriteString(strings.Repeat(" ", t.widths[i]+gap-utf8.RuneCountInString(cell)))
			}
		}
		if _, err := fmt.Fprintln(to, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
