// Package images is the container images of the test cluster. They need no registry: their archives go to
// `ctr images import`, pods use them with imagePullPolicy Never.
package images

import "github.com/braid-cni/braid/hack/image/archive"

// An Image is one layer of files and what to run.
type Image = archive.Image

// A File is one entry of an image.
type File = archive.File

// Write writes the image's archive to a file.
func Write(file string, img Image) error {
	_, err := archive.Write(file, img)
	return err
}
