# Everything one does in this repository. It needs Go and make, nothing else: the tools come pinned from tools/,
# built once into the user's cache folder by bin/seaport.

SHELL    := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

MODULES := proto services cli tests
SEAPORT := bin/seaport
ROOT    := $(CURDIR)

# The race detector needs a C compiler; without one Go says CGO_ENABLED is 0.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# Arguments for seaport up, go test in tests/ and seaport bench: make run ARGS="--port 8081".
ARGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: build ## run the platform here: builds what is missing, prints the URL; Ctrl-C stops it (ARGS: of seaport up)
	@exec $(SEAPORT) up $(ARGS)

.PHONY: build
build: ## build the command line into bin/seaport
	@go build -o $(SEAPORT) ./cli

.PHONY: secrets
secrets: build ## make what dapr run -f dapr.yaml needs: the keys, in .seaport/dapr; make run has its own
	@$(SEAPORT) secrets create --data .seaport/dapr

.PHONY: tools
tools: build ## build the pinned tools that are missing: the Dapr runtime, broker, code generators, linter
	$(SEAPORT) tools build

## Tests

.PHONY: test
test: test-unit test-e2e test-redis test-dapr-cli ## all tests; builds what they need

# What reads files outside its module is run anew: Go would not see that they changed.
.PHONY: test-unit
test-unit: ## unit tests, with the race detector where there is a C compiler
	@echo "== unit tests$(if $(RACE),, (no C compiler: without the race detector))"
	go test -count=1 ./services ./cli/internal/runner/...
	go test $(RACE) ./proto/... ./services/... ./cli/...

# Tools are built before any test begins: the runner would do it by itself, but within the time limits of tests. A
# platform is fifteen processes, so one package of tests runs at a time (-p 1).
.PHONY: test-e2e
test-e2e: build ## end-to-end tests: the platform with its real sidecars and broker (ARGS: of go test)
	@echo "== end-to-end tests"
	$(SEAPORT) tools build daprd nats-server
	go test -count=1 -timeout 40m -p 1 $(ARGS) ./tests/...

# What is about the promise: nothing that was answered with success is lost, doubled or sold twice. CI has a
# redis-server, so that it cannot be left out there.
REDIS_TESTS = booking crash deadletter notification scale streams

.PHONY: test-redis
test-redis: build ## end-to-end tests on Redis, with the redis-server on the PATH; says so where there is none (ARGS: of go test)
	@echo "== end-to-end tests on Redis"
	@if command -v redis-server >/dev/null; then \
		$(SEAPORT) tools build daprd && \
		SEAPORT_TEST_PROFILE=redis go test -count=1 -short -timeout 20m -p 1 $(ARGS) $(REDIS_TESTS:%=./tests/%); \
	elif [[ $${CI:-} == true ]]; then \
		echo "There is no redis-server on the PATH, and this is CI" >&2; exit 1; \
	else \
		echo "NOT RUN: there is no redis-server on the PATH (CONTRIBUTING.md, Tests)"; \
	fi

# Of another project, so it cannot be built here as the other tools are.
.PHONY: test-dapr-cli
test-dapr-cli: ## end-to-end test of dapr run -f dapr.yaml, with the dapr and redis-server on the PATH; says so where there are none
	@echo "== dapr run -f dapr.yaml"
	@for program in dapr redis-server; do \
		command -v $$program >/dev/null || { echo "NOT RUN: there is no $$program on the PATH (CONTRIBUTING.md, Tests)"; exit 0; }; \
	done; \
	SEAPORT_TEST_DAPR_CLI=1 go test -count=1 -timeout 20m $(ARGS) ./tests/daprcli

.PHONY: bench
bench: build ## measure bookings beside pings on a platform of its own (ARGS: of seaport bench)
	@tools/bench.sh $(ARGS)

## Checks

.PHONY: check
check: check-format lint vet architecture tidy check-contracts check-generated ## all checks; changes nothing

.PHONY: fmt
fmt: build ## format the Go code
	@lint=$$($(SEAPORT) tools path golangci-lint); \
	for module in $(MODULES); do (cd $$module && $$lint fmt ./...); done

.PHONY: check-format
check-format: build ## find Go code that is not formatted
	@echo "== format"
	@lint=$$($(SEAPORT) tools path golangci-lint); \
	for module in $(MODULES); do \
		(cd $$module && $$lint fmt --diff ./...) || { echo "make fmt puts it right"; exit 1; }; \
	done

.PHONY: lint
lint: build ## lint the Go code of every module (.golangci.yaml)
	@lint=$$($(SEAPORT) tools path golangci-lint); \
	failed=; \
	for module in $(MODULES); do echo "== lint $$module"; (cd $$module && $$lint run ./...) || failed=1; done; \
	[[ -z $$failed ]]

.PHONY: vet
vet: ## go vet in every module
	@echo "== vet"
	go vet $(MODULES:%=./%/...)

.PHONY: architecture
architecture: ## the dependency rule: who may import what (services/architecture_test.go)
	@echo "== architecture"
	go test -count=1 -run '^(TestDependencyRule|TestRefuse)$$' ./services

# The modules under tools/ are left out: their go.sum has what building them takes, without the tests of
# hundreds of dependencies, and each build checks that it is enough.
.PHONY: tidy
tidy: ## find go.mod and go.sum files that are not tidy
	@failed=; \
	for module in $(MODULES); do \
		echo "== tidy $$module"; \
		go -C $$module mod tidy -diff || { failed=1; echo "put it right: go -C $$module mod tidy"; }; \
	done; \
	[[ -z $$failed ]]

.PHONY: check-contracts
check-contracts: build ## lint the .proto files, and find changes that break their users
	@echo "== contracts"
	@buf=$$($(SEAPORT) tools path buf); \
	(cd proto && $$buf format --diff --exit-code && $$buf lint); \
	tools/breaking.sh $$buf

# Generated code that does not compile must not keep it from being generated anew: an older bin/seaport will do.
.PHONY: generate
generate: ## generate Go code and the OpenAPI document from the .proto files
	@$(MAKE) build || [[ -x $(SEAPORT) ]]
	@tools/generate.sh

.PHONY: check-generated
check-generated: build ## find generated files that are not what the .proto files give
	@echo "== generated files"
	@tools/generate.sh --check

.PHONY: clean
clean: ## remove what was built here and the data of make run; tools stay in the user's cache
	rm -rf bin .seaport .dapr
