# Mirano. `make run` and `make test` need a Debian or Ubuntu machine with make; they install what else is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test setup fmt lint tidy bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build what is missing, start Mirano with its demo sources, and say which page to open
	@.ci/setup run
	@. .ci/env; say "building (the first time takes a while: RocksDB is compiled)"; \
	$(build) && exec "$${CARGO_TARGET_DIR:-target}/debug/mirano" serve --demo $(ARGS)

# One test target beside the binary makes cargo resolve the same features as in `make test`: nothing is built twice.
build := cargo build --bin mirano --test tidy

test: ## all tests: format, lints, unit and integration tests, documentation
	@.ci/setup test
	@.ci/test

setup: ## install what is missing for run and test, and nothing else
	@.ci/setup test

fmt: ## format the code
	@. .ci/env; cargo fmt --all

lint: ## clippy, as strict as in the tests
	@. .ci/env; cargo lint

tidy: ## the layers, sizes, words and documents alone
	@. .ci/env; cargo tidy

bench: ## benchmarks, each beside the raw limit of this machine
	@. .ci/env; CARGO_INCREMENTAL=0 cargo bench --profile dev --config benches/profile.toml --bench log --bench engine --bench history
