# make demo    one scenario on Debian's own kernel, from nothing to a verdict
# make test    every test: pure parts, fake guests, real QEMU guests
# make lint    formatting and clippy
# Each installs what it needs first (scripts/host-packages.sh).

.PHONY: demo test lint setup build clean

CARGO ?= cargo
OOMPH := $(or $(CARGO_TARGET_DIR),target)/release/oomph

demo: build
	$(OOMPH) run scenarios/xfs-inode-mutex.yaml

build: setup
	$(CARGO) build --release --locked -p oomph

test: setup
	$(CARGO) test --workspace --locked

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

setup:
	@scripts/host-packages.sh

clean:
	$(CARGO) clean
