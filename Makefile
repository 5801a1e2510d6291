# Everything this repository does, one target each. `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-cluster demo-learning test chaos lint bench model mutants

SHELL := bash
# Node.js lies there where the machine has none that is new enough.
export PATH := $(CURDIR)/.deps/node/bin:$(PATH)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: ## install what is missing: Debian packages (as root), ONNX Runtime, LightGBM, Kafka's jars and Python's wheels into .deps; build the console's pages
	@deploy/setup/setup.sh

demo: ## start the service, stream simulated payments with fraud rings through it, show the table (DEMO_EXIT=1: end after it)
	@echo "demo 1/3  set up          (a few seconds)"
	@deploy/setup/setup.sh build
	@echo "demo 2/3  build           (cold: about 6 minutes on 2 cores; warm: seconds)"
	@cargo build --release --package fraudnet-scoring --bin fraudnet
	@echo "demo 3/3  run             (about 20 s)"
	@exec target/release/fraudnet demo

demo-cluster: ## start Kafka, Redis and two replicas, kill one under load, prove that nothing was lost or decided twice (DEMO_EXIT=1: end after it)
	@echo "demo-cluster 1/3  set up          (a few seconds)"
	@deploy/setup/setup.sh
	@echo "demo-cluster 2/3  build           (cold: about 8 minutes on 2 cores; warm: seconds)"
	@cargo build --release --package fraudnet-scoring --package fraudnet-tests --bins
	@echo "demo-cluster 3/3  run             (about 60 s)"
	@exec target/release/fraudnet-chaos demo

demo-learning: ## a new kind of fraud appears and is learnt while the service runs; a bad model is rolled back by itself; a chart (DEMO_EXIT=1: end after it)
	@echo "demo-learning 1/3  set up          (a few seconds)"
	@deploy/setup/setup.sh build
	@echo "demo-learning 2/3  build           (cold: about 12 minutes on 2 cores; warm: seconds)"
	@cargo build --release --package fraudnet-scoring --package fraudnet-training --bins
	@echo "demo-learning 3/3  run             (about 5 minutes)"
	@exec target/release/fraudnet-train demo

test: setup ## build and run every test
	@# One selection of features for service and tests, or every dependency would be built twice.
	cargo build --workspace --bins --tests
	npm --prefix scoring/console test
	@# Set up, every part of the cluster is there: a test that cannot start Kafka or Redis fails instead of being skipped.
	FRAUDNET_REQUIRE_CLUSTER=1 cargo test --workspace --tests

chaos: setup ## break a cluster in every way there is and print the verifier's table (CHAOS="--only kill --seed 3" for one of them)
	cargo build --release --package fraudnet-scoring --package fraudnet-tests --bins
	@exec target/release/fraudnet-chaos run --long $(CHAOS)

lint: setup ## formatting, clippy with warnings as errors, documentation, the console's types
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet
	npm --prefix scoring/console run check

bench: setup ## measure every promised figure beside its target, floors and peers in the same run
	cargo build --release --package fraudnet-scoring --package fraudnet-benches
	@exec target/release/fraudnet-bench

model: setup ## train the released models (trees v1, trees v2, hybrid) again from their seeds (about 20 minutes on 2 cores)
	cargo build --release --package fraudnet-training
	target/release/fraudnet-train released --models models
	target/release/fraudnet-train features --models models --format markdown > features/FEATURES.md

mutants: setup ## plant every committed fault and expect a test to catch it
	@tests/mutants/run.sh
