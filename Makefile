# Two commands matter: `make demo` and `make test`. Each sets up what the machine lacks and says so.

CARGO ?= cargo
# folder with third-party captures and expected results; tests that need it say so when it is absent
CORPUS ?= ../shared/corpus
PROGRAMS := -p dogwatch -p dogwatch-shore -p dogwatch-sim -p dogwatch-demo

.PHONY: help demo test lint bench conformance evaluate damage samples setup

help:
	@echo "make demo         a simulated voyage with attacks through the real programs (ONCE=1: unattended, exits 0 only if all went well)"
	@echo "make test         every test"
	@echo "make lint         formatting, clippy, documentation; warnings are errors"
	@echo "make bench        speed and memory against a bare packet reader, and the decoders against their peers"
	@echo "make conformance  decoding compared with independent decoders (CORPUS=folder)"
	@echo "make evaluate     detection rate, time to detect and false findings over every script (EVALUATE='--seeds 51-100 --days 30')"
	@echo "make damage       a million damaged variants of samples and corpus through the whole path; 0 panics (COUNT=number)"
	@echo "make samples      writes the sample captures in pcaps/ anew"

setup:
	@deploy/setup.sh

demo: setup
	$(CARGO) build --release --locked $(PROGRAMS)
	target/release/dogwatch-demo $(if $(ONCE),--once)

# programs and tests in one go: built apart, they would want other features of the same crates, and half the workspace would be compiled twice
test: setup
	$(CARGO) build --locked --workspace --bins --tests
	$(CARGO) test --locked --workspace

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

bench: setup
	$(CARGO) build --release --locked $(PROGRAMS) -p dogwatch-bench
	target/release/dogwatch-bench
	$(CARGO) bench --locked -p dogwatch-dissectors
	$(CARGO) run --release --locked -p dogwatch-bench-text

conformance: setup
	$(CARGO) build --release --locked -p dogwatch -p dogwatch-conformance
	target/release/dogwatch-conformance $(CORPUS)

# 30 vessel-days of normal life and every attack twice: some minutes on two cores; less with --days
evaluate: setup
	$(CARGO) run --release --locked -p dogwatch-evaluate -- $(EVALUATE)

# overflow checks and debug assertions are on: what only wraps in a release build counts as a panic here
damage: setup
	$(CARGO) run --locked --profile checked -p dogwatch-tests --bin dogwatch-damage -- $(or $(COUNT),1000000) pcaps $(wildcard $(CORPUS)/maritime) $(wildcard $(CORPUS)/captures)

samples: setup
	pcaps/make-samples.sh
