package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// archive returns the layer: /tmp, the files and the folders above them, all owned by
// root and dated to the epoch. A folder of the host is taken with all it holds.
func archive(files []file) ([]byte, error) {
	var content bytes.Buffer
	layer := &layer{tar: tar.NewWriter(&content), seen: map[string]bool{".": true}}
	if err := layer.folder("tmp", 0o1777); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := layer.tree(f); err != nil {
			return nil, fmt.Errorf("add %s: %w", f.host, err)
		}
	}
	if err := layer.tar.Close(); err != nil {
		return nil, fmt.Errorf("end of layer: %w", err)
	}
	return content.Bytes(), nil
}

// layer is a layer under construction; seen holds the folders it already has.
type layer struct {
	tar  *tar.Writer
	seen map[string]bool
}

// tree adds f.host, and what is below it when it is a folder, in lexical order.
func (l *layer) tree(f file) error {
	return filepath.WalkDir(f.host, func(host string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		below, err := filepath.Rel(f.host, host)
		if err != nil {
			return err
		}
		return l.file(host, path.Join(f.inside, filepath.ToSlash(below)))
	})
}

// file adds one file, executable when it is so on the host for anybody.
func (l *layer) file(host, inside string) error {
	info, err := os.Stat(host)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(host) //nolint:gosec // G304: to read what the caller names is its purpose
	if err != nil {
		return err
	}
	if err := l.above(inside); err != nil {
		return err
	}
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	if err := l.tar.WriteHeader(&tar.Header{Name: inside, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err = l.tar.Write(content)
	return err
}

// above adds the folders that lead to inside, the outermost first.
func (l *layer) above(inside string) error {
	folder := path.Dir(inside)
	if l.seen[folder] {
		return nil
	}
	if err := l.above(folder); err != nil {
		return err
	}
	return l.folder(folder, 0o755)
}

func (l *layer) folder(inside string, mode int64) error {
	if l.seen[inside] {
		return nil
	}
	l.seen[inside] = true
	return l.tar.WriteHeader(&tar.Header{Name: inside + "/", Typeflag: tar.TypeDir, Mode: mode})
}
