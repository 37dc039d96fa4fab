# SPDX-License-Identifier: MIT
#
#   make bench      measure, and print legacy methods against the iterators
#   make test       everything that has to pass
#   make generate   compile the BPF C anew (needs clang)
#
# See README.md for what they print, and for the variables below.

SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

COUNT     ?= 6
BENCHTIME ?= 100ms
BUDGET    ?= 2s
SIZES     ?= 100,1000,10000
KINDS     ?= eventfd,unix
SHAPES    ?= inplace,moved,reused,shared,closed
BENCH     ?= .
FUZZTIME  ?= 5s

OUT    := results/latest
NATIVE := $(OUT)/native.txt
SUITE  := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)

BENCHSTAT := go tool benchstat
BENCHFLAGS = -sizes=$(SIZES) -kinds=$(KINDS) -shapes=$(SHAPES) -budget=$(BUDGET)

.PHONY: help
help:
	@sed -n 's/^#   //p' Makefile

# --- what the machine needs -------------------------------------------------

.PHONY: setup
setup:
	@internal/make/setup

# --- measuring ---------------------------------------------------------------

.PHONY: bench
bench: setup
	@mkdir -p $(OUT)
	@echo "== measuring on this kernel, $$(uname -r); raw output goes to $(NATIVE)"
	@EPBENCH_SUITE=$(SUITE) go test -run '^$$' -bench '$(BENCH)' -timeout 2h \
		-count $(COUNT) -benchtime $(BENCHTIME) ./bench $(BENCHFLAGS) | tee $(NATIVE)
	@$(MAKE) --no-print-directory tables

# The tables of the last measurement.
.PHONY: tables
tables:
	@echo; echo "== dumping: methods beside each other, the least first of the userspace ones"
	@$(BENCHSTAT) -filter '.name:Dump .unit:(sec/op OR kcmp/op)' -row '/shape,/kind,/n' -col /method $(NATIVE)
	@echo; echo "== the floor: what any iterator must pay here"
	@$(BENCHSTAT) -filter '.name:Floor .unit:sec/op' -row '/shape,/kind,/n' -col /floor $(NATIVE)
	@echo; echo "== setting up a method, once"
	@$(BENCHSTAT) -filter '.name:Setup .unit:sec/op' -row /method $(NATIVE)
	@echo; echo "== the primitives of userspace"
	@$(BENCHSTAT) -filter '.name:(Fdinfo OR Kcmp) .unit:sec/op' -row '.name,/n' $(NATIVE)
	@! grep '^# not ' $(NATIVE) || echo "(raise BUDGET=$(BUDGET) to run more)"

# --- testing -----------------------------------------------------------------

.PHONY: test
test: setup format vet fuzz unit
	@internal/make/not-run $(OUT)/test.json

.PHONY: format
format:
	@echo "== formatting"
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change:" $$unformatted; exit 1; }
	@missing=$$(git ls-files '*.go' '*.c' '*.h' '*.sh' Makefile .ci/run internal/make \
		| xargs grep -L SPDX-License-Identifier); \
		test -z "$$missing" || { echo "no SPDX line in:" $$missing; exit 1; }

.PHONY: vet
vet:
	@echo "== go vet, staticcheck"
	@go vet ./...
	@GOARCH=arm64 go vet ./...
	@go tool staticcheck ./...

.PHONY: unit
unit:
	@echo "== tests, on this kernel ($$(uname -r))"
	@mkdir -p $(OUT)
	@go tool gotestsum --format pkgname --jsonfile $(OUT)/test.json -- -timeout 20m ./...

.PHONY: fuzz
fuzz:
	@echo "== fuzzing, $(FUZZTIME) a target"
	@internal/make/fuzz $(FUZZTIME)

# --- generated files ---------------------------------------------------------

.PHONY: generate
generate:
	go generate ./...
