# make test is the whole of it: on a fresh clone, as root, on Debian, it installs what it needs, builds, lints and climbs
# every rung. The rest are its parts.

# sudo leaves out the folder that Go is usually installed in; a bare environment has no HOME for its caches.
export PATH := $(PATH):/usr/local/go/bin
export HOME ?= /root
# Programs and tests are static, so what is compiled for one serves the other.
export CGO_ENABLED := 0
# The programs get their version from git, which is asked for nothing else and need not mind whose checkout it is.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)
export GIT_CONFIG_COUNT := 1
export GIT_CONFIG_KEY_0 := safe.directory
export GIT_CONFIG_VALUE_0 := *

# The door begins with an instruction of its own: see cmd/braid/early.go.
LDFLAGS := -ldflags "-s -w" -ldflags "./cmd/braid=-s -w -E _braid_entry"

# How long each fuzz target runs.
FUZZTIME ?= 30s

.PHONY: build test unit vm gate fuzz e2e lint bench demo image setup clean
.NOTPARALLEL:

# Everything compiles; the programs land in bin/, static, for any Linux of this architecture.
build:
	go build ./...
	go build -trimpath -buildvcs=auto $(LDFLAGS) -o bin/ ./cmd/...

test: setup build lint bin/rungs
	bin/rungs -fuzztime=$(FUZZTIME)

# Single rungs: unit tests with those on this machine's kernel; what its kernel cannot run, under user-mode Linux; how fast
# it is, held to what is recorded; every fuzz target, two at a time; those on a cluster.
unit: setup bin/rungs
	bin/rungs unit+kernel

vm: setup bin/rungs
	bin/rungs unit+kernel vm

gate: setup bin/rungs
	bin/rungs gate

fuzz: bin/rungs
	bin/rungs -fuzztime=$(FUZZTIME) fuzz

e2e: setup build bin/rungs
	bin/rungs cluster

# The demo's programs have files of their own.
lint: bin/staticcheck
	@echo gofmt -l .
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "run gofmt -w on:" $$unformatted; exit 1; }
	go vet ./...
	go vet -tags nocluster ./...
	go -C e2e vet ./...
	bin/staticcheck ./...
	bin/staticcheck -tags nocluster ./...
	cd e2e && ../bin/staticcheck ./...
	go test -count=1 . ./hack/house

# Braid beside the bare kernel and the reference plugins, in about five minutes: a table, and docs/bench/.
bench: setup build
	go run ./bench/cmd/bench -o docs/bench

# Three networks in three pods on two nodes, without a cluster: sudo make demo. It needs Go and nothing else, and is built
# without client-go, which takes longer to compile than all the rest.
demo:
	@start=$$(date +%s); \
	go build -trimpath -buildvcs=auto $(LDFLAGS) -tags nocluster -o bin/demo/ ./cmd/braid ./cmd/braidd ./cmd/braidctl && \
	bin/demo/braidctl lab demo --nodes 2 -f examples/three-networks.yaml && \
	echo "The demo took $$(($$(date +%s) - start)) s with the build."

# dist/braid-amd64.tar and dist/braid-arm64.tar: the image that deploy/ runs, for ctr, docker or podman to import.
image:
	go run ./hack/image

setup:
	hack/setup

clean:
	rm -rf bin dist

# Go knows best what of these is out of date.
.PHONY: bin/rungs bin/staticcheck
bin/rungs:
	go build -o bin/rungs ./hack/rungs

# Its version is the one in hack/tools/go.mod, outside any workspace.
bin/staticcheck:
	GOWORK=off go -C hack/tools build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
