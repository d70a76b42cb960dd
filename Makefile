# Everything a person or CI calls. `make help` lists it.
GO ?= go
export CGO_ENABLED ?= 0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X weishao.dev/weishao/app.Version=$(VERSION) -X weishao.dev/weishao/app/edge.Version=$(VERSION)

.PHONY: help build demo test unit check cross deb deb-test race soak eval bench bench-gateway fuzz screenshots clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

build: ## build both programs into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/weishao ./cmd/weishao
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/weishao-gateway ./cmd/weishao-gateway

demo: build ## build, and run a neighbourhood with simulated sensors
	bin/weishao demo $(ARGS)

test: ## install what the tests need, and run all of them
	scripts/test-deps.sh
	WEISHAO_DEPS=$(CURDIR)/.deps $(GO) test -count=1 -timeout 9m $(UNIT)
	WEISHAO_DEPS=$(CURDIR)/.deps $(GO) test -count=1 -timeout 9m ./e2e/...

unit: ## the tests of the packages; those whose programs are not installed are skipped
	$(GO) test $(UNIT)

check: ## vet, formatting, staticcheck, govulncheck
	scripts/check.sh

cross: ## cross-compile the gateway for the boards it runs on
	scripts/cross.sh

deb: ## Debian packages: the gateway for amd64, arm64, armhf, the hub for amd64, arm64
	scripts/deb.sh

deb-test: ## build this machine's packages, install them into a throwaway root, try them
	scripts/deb-test.sh

race: ## the same under the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 15m $(UNIT)

soak: ## the crash tests again and again, for half an hour
	scripts/test-deps.sh
	WEISHAO_DEPS=$(CURDIR)/.deps WEISHAO_SOAK=30m $(GO) test -timeout 60m -v -run 'TestNoReading' ./e2e/...

eval: ## the detectors' figures on measured data beside their floors; DATA=folder, JSON=1
	@DATA="$(DATA)" JSON="$(JSON)" GO="$(GO)" scripts/eval.sh

bench: build ## measure ingest on this machine
	bin/weishao bench ingest --json

bench-gateway: build ## measure the gateway: memory, CPU, start, and a day of outage
	bin/weishao bench gateway $(ARGS)

screenshots: ## take the pictures of the README from a running demo
	scripts/test-deps.sh
	WEISHAO_DEPS=$(CURDIR)/.deps $(GO) test -tags screenshots -timeout 10m -count 1 -run TestScreenshots ./e2e

fuzz: ## each fuzz target for half a minute
	scripts/fuzz.sh

clean: ## remove what was built (not your data)
	rm -rf bin dist

UNIT = $(shell $(GO) list ./... | grep -v /e2e)
