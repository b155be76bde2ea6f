module github.com/braid-cni/braid/e2e

go 1.26.0

require golang.org/x/sys v0.40.0

replace github.com/braid-cni/braid => ../
