# Everything this repository does, one target each. `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench model mutants

SHELL := bash

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: ## install what is missing: a C compiler and libgomp (as root), ONNX Runtime and LightGBM into .deps
	@deploy/setup/setup.sh

demo: ## start the service, stream simulated payments with fraud rings through it, show the table (DEMO_EXIT=1: end after it)
	@echo "demo 1/3  set up          (a few seconds)"
	@deploy/setup/setup.sh
	@echo "demo 2/3  build           (cold: about 6 minutes on 2 cores; warm: seconds)"
	@cargo build --release --package fraudnet-scoring --bin fraudnet
	@echo "demo 3/3  run             (about 20 s)"
	@exec target/release/fraudnet demo

test: setup ## build and run every test
	@# One selection of features for service and tests, or every dependency would be built twice.
	cargo build --workspace --bins --tests
	cargo test --workspace --tests

lint: setup ## formatting, clippy with warnings as errors, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

bench: setup ## measure every promised figure beside its target, floors and peers in the same run
	cargo build --release --package fraudnet-scoring --package fraudnet-benches
	@exec target/release/fraudnet-bench

model: setup ## train the released models (trees v1, trees v2, hybrid) again from their seeds (about 20 minutes on 2 cores)
	cargo build --release --package fraudnet-training
	target/release/fraudnet-train released --models models
	target/release/fraudnet-train features --models models --format markdown > features/FEATURES.md

mutants: setup ## plant every committed fault and expect a test to catch it
	@tests/mutants/run.sh
