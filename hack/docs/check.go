package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// check returns all that is wrong with the documentation of a repository.
func check(root string) error {
	pages, err := markdown(root)
	if err != nil {
		return err
	}
	var problems []error
	for _, path := range pages {
		problems = append(append(append(problems, links(path)...), examples(path)...), words(path)...)
	}
	reasons, err := reasonPages(root)
	if err != nil {
		return err
	}
	return errors.Join(append(problems, reasons...)...)
}

// markdown returns the pages of a repository; folders that begin with a dot, and those of packages, are
// not its own.
func markdown(root string) ([]string, error) {
	var pages []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "vendor") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			pages = append(pages, path)
		}
		return nil
	})
	return pages, err
}

var (
	linkPattern    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingPattern = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	fencePattern   = regexp.MustCompile("(?ms)^```.*?^```")
	codePattern    = regexp.MustCompile("`[^`\n]*`")
)

// links returns a problem for each link of a page to a file or heading of the repository that is not
// there. Links to elsewhere are not followed.
func links(path string) []error {
	text, err := os.ReadFile(path)
	if err != nil {
		return []error{err}
	}
	var problems []error
	for _, match := range linkPattern.FindAllStringSubmatch(withoutCode(string(text)), -1) {
		target := match[1]
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		if err := reach(path, target); err != nil {
			problems = append(problems, fmt.Errorf("%s: the link %s leads nowhere: %w", path, target, err))
		}
	}
	return problems
}

// dialect matches words for which the vocabulary of CONTRIBUTING.md has the field's.
var dialect = regexp.MustCompile(`(?i)\b(mend(s|ed|ing)?|heal(s|ed|ing)?|lets? go|strangers?|looked at|fresh look|` +
	`for want of|anew|comes? to stand|came to stand|as wanted|asked for|out of sight|be rid of|released of)\b`)

// words returns a problem for each word of the dialect in a page, outside of code.
func words(path string) []error {
	text, err := os.ReadFile(path)
	if err != nil {
		return []error{err}
	}
	var problems []error
	for _, word := range dialect.FindAllString(withoutCode(string(text)), -1) {
		problems = append(problems, fmt.Errorf("%s: say it in the field's words (CONTRIBUTING.md, Vocabulary): %q", path, word))
	}
	return problems
}

func withoutCode(text string) string {
	return codePattern.ReplaceAllString(fencePattern.ReplaceAllString(text, ""), "")
}

func reach(from, target string) error {
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = filepath.Join(filepath.Dir(from), file)
	}
	if _, err := os.Stat(to); err != nil {
		return errors.New("there is no such file")
	}
	if anchor == "" {
		return nil
	}
	text, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	if !slices.Contains(anchors(string(text)), anchor) {
		return errors.New("there is no such heading")
	}
	return nil
}

// anchors are the headings of a page as links name them.
func anchors(text string) []string {
	var all []string
	for _, match := range headingPattern.FindAllStringSubmatch(fencePattern.ReplaceAllString(text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
				return r
			default:
				return -1
			}
		}, strings.ToLower(match[1]))
		all = append(all, name)
	}
	return all
}

// reasonPages compares the reasons of the API with their pages in docs/reasons.
func reasonPages(root string) ([]error, error) {
	all, err := constants(filepath.Join(root, "api/v1alpha1/conditions.go"))
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(root, "docs/reasons")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	orphans := map[string]bool{}
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".md"); ok && name != "README" {
			orphans[name] = true
		}
	}
	var problems []error
	for _, c := range all {
		if !strings.HasPrefix(c.Name, "Reason") {
			continue
		}
		if !orphans[c.Value] {
			problems = append(problems, fmt.Errorf("the reason %s has no page: write docs/reasons/%s.md", c.Value, c.Value))
		}
		delete(orphans, c.Value)
	}
	for name := range orphans {
		problems = append(problems, fmt.Errorf("docs/reasons/%s.md describes a reason that does not exist", name))
	}
	return problems, nil
}
