// Command mkimage writes an OCI image layout that holds one static binary, which is the
// entry point, and the files named after it. The same input gives the same digest, which
// it prints: no time, user or path of the host enters the image.
//
//	mkimage DIR IMAGE:TAG BINARY [HOSTPATH=IMAGEPATH ...]
package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nobody is the user that programs run as unless the pod says otherwise: a number that
// is not 0, which the restricted Pod Security Standard can check without looking inside.
const nobody = "65532:65532"

// imageName is the annotation that tells containerd what an imported manifest is called.
const imageName = "io.containerd.image.name"

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: mkimage DIR IMAGE:TAG BINARY [HOSTPATH=IMAGEPATH ...]")
		os.Exit(2)
	}
	digest, err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
	fmt.Println(digest)
}

// run writes the image to dir and returns the digest of its manifest.
func run(dir, ref, binary string, extra []string) (string, error) {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("image name: %w", err)
	}
	entry := path.Join("/", filepath.Base(binary))
	files, err := parse(append([]string{binary + "=" + entry}, extra...))
	if err != nil {
		return "", err
	}
	image, err := build(files, entry)
	if err != nil {
		return "", err
	}
	digest, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	if err := write(dir, tag, image, digest); err != nil {
		return "", fmt.Errorf("write %s: %w", dir, err)
	}
	return digest.String(), nil
}

// file is one path of the host and where it belongs in the image.
type file struct{ host, inside string }

func parse(args []string) ([]file, error) {
	files := make([]file, 0, len(args))
	for _, arg := range args {
		host, inside, ok := strings.Cut(arg, "=")
		if !ok || host == "" || !path.IsAbs(inside) {
			return nil, fmt.Errorf("%q is not HOSTPATH=/IMAGEPATH", arg)
		}
		files = append(files, file{host: host, inside: path.Clean(inside)[1:]})
	}
	return files, nil
}

// build makes an image of one layer, not compressed: it travels no further than this host.
func build(files []file, entry string) (v1.Image, error) {
	content, err := archive(files)
	if err != nil {
		return nil, err
	}
	base := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	base = mutate.ConfigMediaType(base, types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, static.NewLayer(content, types.OCIUncompressedLayer))
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: []string{entry}, User: nobody, Env: []string{"PATH=/"}}
	return mutate.ConfigFile(image, config)
}

// write puts the image into dir under two names, by tag and by digest, so that a pod may
// ask for either.
func write(dir string, tag name.Tag, image v1.Image, digest v1.Hash) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, ref := range []name.Reference{tag, tag.Digest(digest.String())} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Annotations: map[string]string{imageName: ref.Name()}},
		})
	}
	_, err := layout.Write(dir, index)
	return err
}
