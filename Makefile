# SPDX-License-Identifier: MIT
#
#   make bench          measure in both lanes, print the tables and the report
#   make bench-native   measure on this kernel only
#   make bench-guest    measure on the patched kernel, in a guest, only
#   make test           everything that has to pass
#   make report         make results/ anew from results/data/
#   make kernel         build the patched kernel (make kernel-debug: with KASAN
#                       and lockdep; make kernel-path prints where it is)
#   make generate       compile the BPF C anew (needs clang 14)
#
# See README.md for what they print, and for the variables below.

# Recipes' shells end with make, and what stands behind $(TIED) with its shell,
# even if that is killed: nothing goes on measuring alone.
SHELL := internal/make/sh
TIED  := setpriv --pdeathsig KILL
.DEFAULT_GOAL := help

BENCH     ?= .
SHAPES    ?= inplace,moved,reused,shared,closed

# On this kernel.
COUNT     ?= 6
BENCHTIME ?= 30ms
BUDGET    ?= 1s
SIZES     ?= 100,1000,10000
KINDS     ?= eventfd

# In the guest, where a nanosecond is an instruction.
GUEST_COUNT     ?= 6
GUEST_BENCHTIME ?= 1x
GUEST_BUDGET    ?= 100ms
GUEST_SIZES     ?= 100,1000,10000
GUEST_KINDS     ?= eventfd
GUEST_SCALE     ?= 10000,1000000
GUEST_PROFILES  ?= 200
GUEST_VM        ?= -icount -env GOGC=off -env GOMEMLIMIT=1GiB -env GOMAXPROCS=2

# To compare with: make bench BASE=old.txt
BASE ?=

FUZZTIME ?= 5s

OUT    := results/latest
NATIVE := $(OUT)/native.txt
GUEST  := $(OUT)/guest.txt
SUITE  := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)

EPBENCH   := bin/epbench
GOTESTSUM := bin/gotestsum --format pkgname --hide-summary=skipped

.PHONY: help
help:
	@sed -n 's/^#   //p' Makefile

# --- what the machine needs -------------------------------------------------

.PHONY: setup setup-guest setup-servers setup-test
setup:
	@internal/make/setup

setup-guest: setup
	@internal/make/setup qemu-system-x86_64:qemu-system-x86

# The servers that BenchmarkReal and its tests start.
setup-servers: setup
	@internal/make/setup nginx:nginx redis-server:redis-server haproxy:haproxy

setup-test: setup-guest setup-servers
	@internal/make/setup clang:clang

# Static, since it is also the first program of a guest.
.PHONY: $(EPBENCH)
$(EPBENCH): setup
	@CGO_ENABLED=0 go build -o $@ ./cmd/epbench

bin/gotestsum: go.mod setup
	@go build -o $@ gotest.tools/gotestsum

# --- the patched kernel ------------------------------------------------------

.PHONY: kernel kernel-debug kernel-path
kernel:
	@bpf/kernel/build.sh perf
kernel-debug:
	@bpf/kernel/build.sh debug
kernel-path:
	@bpf/kernel/build.sh path perf

# --- measuring ---------------------------------------------------------------

.PHONY: bench bench-native bench-guest
bench: bench-native bench-guest
	@internal/make/tables $(NATIVE) $(GUEST)
ifneq ($(BASE),)
	@internal/make/compare $(BASE) $(NATIVE) $(GUEST)
endif
	@echo; echo "== the report: $(OUT)/report.md, and upstream.txt beside it"
	@$(EPBENCH) report -o $(OUT) $(NATIVE) $(GUEST)

bench-native: setup setup-servers $(EPBENCH)
	@mkdir -p $(OUT)
	@echo "== measuring on this kernel, $$(uname -r); raw output: $(NATIVE)"
	@echo "# command: make bench-native$(call given,BENCH SHAPES COUNT BENCHTIME BUDGET SIZES KINDS)" > $(NATIVE)
	@EPBENCH_SUITE=$(SUITE) $(TIED) go test -exec '$(TIED)' \
		-run '^$$' -bench '$(BENCH)' -timeout 2h -count $(COUNT) -benchtime $(BENCHTIME) ./bench \
		-sizes=$(SIZES) -kinds=$(KINDS) -shapes=$(SHAPES) -budget=$(BUDGET) > >(tee -a $(NATIVE)) && wait $$!

bench-guest: setup-guest kernel $(EPBENCH)
	@mkdir -p $(OUT)
	@echo "== measuring on the patched kernel, in a guest; raw output: $(GUEST)"
	@echo "# command: make bench-guest$(call given,BENCH SHAPES GUEST_COUNT GUEST_BENCHTIME GUEST_BUDGET GUEST_SIZES GUEST_SCALE GUEST_PROFILES GUEST_KINDS GUEST_VM)" > $(GUEST)
	@EPBENCH_SUITE=$(SUITE) CGO_ENABLED=0 $(TIED) go test \
		-exec "$(CURDIR)/$(EPBENCH) vm -kernel $$(bpf/kernel/build.sh path perf) $(GUEST_VM) -timeout 2h --" \
		-run '^$$' -bench '$(BENCH)' -timeout 2h \
		-count $(GUEST_COUNT) -benchtime $(GUEST_BENCHTIME) ./bench \
		-sizes=$(GUEST_SIZES) -scale-sizes=$(GUEST_SCALE) -profile-sizes=$(GUEST_PROFILES) \
		-kinds=$(GUEST_KINDS) -shapes=$(SHAPES) -budget=$(GUEST_BUDGET) > >(tee -a $(GUEST)) && wait $$!

# NAME=VALUE of those variables that the caller has set, for the record.
given = $(foreach v,$(1),$(if $(filter command line environment,$(origin $v)), $v='$($v)'))

# What results/ holds, from the measurements in results/data/.
.PHONY: report
report: $(EPBENCH)
	@$(EPBENCH) report -o results results/data/*.txt

# --- testing -----------------------------------------------------------------

.PHONY: test
test: setup-test format lanes
	@internal/make/not-run $(OUT)/test-*.json
	@echo "== make test: passed"

.PHONY: format
format:
	@echo "== formatting"
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change:" $$unformatted; exit 1; }
	@missing=$$(git ls-files '*.go' '*.c' '*.h' '*.sh' '*.patch' '*.config' Makefile .ci/run internal/make \
		| xargs grep -L 'SPDX-License-Identifier\|^From 0'); \
		test -z "$$missing" || { echo "no SPDX line in:" $$missing; exit 1; }

.PHONY: vet
vet:
	@echo "== go vet, staticcheck"
	@go vet ./...
	@GOARCH=arm64 go vet ./...
	@go tool staticcheck ./...

.PHONY: unit test-native
unit: kernel bin/gotestsum
	@$(MAKE) --no-print-directory test-native
test-native:
	@echo "== tests, on this kernel ($$(uname -r))"
	@mkdir -p $(OUT)
	@CGO_ENABLED=0 EPBENCH_GUEST_KERNEL=$$(bpf/kernel/build.sh path perf) \
		$(TIED) $(GOTESTSUM) --jsonfile $(OUT)/test-native.json -- -exec '$(TIED)' -timeout 20m ./...

# The same tests, shortened, and those that need another kernel, in guests: the
# patched kernel, the same with KASAN and lockdep, and Debian's own.
STOCK       := 6.1 6.12
GUEST_LANES := perf debug $(STOCK)

EPOLL_TESTS := Epoll|2021|InFlight|Dying|Attach|Link|(Epoll|In)Pieces|Between|Next|AfterTheEnd

# Two at a time, as a guest's test is one thread for the most part; the longest
# first, which make keeps to as these have no prerequisites. One that fails does
# not keep the others from telling what they find.
.PHONY: lanes $(GUEST_LANES:%=guest-test-%)
lanes: kernel kernel-debug $(EPBENCH) bin/gotestsum
	@rm -f $(OUT)/test-*.json
	@$(MAKE) --no-print-directory -j2 -k guest-test-debug test-native fuzz guest-test-perf vet $(STOCK:%=guest-test-%)

# The lane's kernel, packages, and which of their tests.
guest-test-perf:  LANE = $$(bpf/kernel/build.sh path perf) './bpf ./bench' .
guest-test-debug: LANE = $$(bpf/kernel/build.sh path debug) './bpf ./bench' '$(EPOLL_TESTS)|EveryMethodTellsTheTruth$$'
$(STOCK:%=guest-test-%): LANE = $$(internal/guest/fetch-debian-kernel.sh $(@:guest-test-%=%)) ./bpf .

$(GUEST_LANES:%=guest-test-%):
	@mkdir -p $(OUT)
	@$(TIED) internal/make/guest-test $(@:guest-test-%=%) $(OUT)/test-$@.json $(LANE)

.PHONY: fuzz
fuzz:
	@echo "== fuzzing, $(FUZZTIME) a target"
	@internal/make/fuzz $(FUZZTIME)

# --- generated files ---------------------------------------------------------

.PHONY: generate
generate:
	go generate ./...
