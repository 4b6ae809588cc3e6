# make demo    one scenario on Debian's own kernel, from nothing to a verdict
# make test    every test: pure parts, fake guests, real QEMU guests
# make bench   how quickly a guest is ready, and what the harness costs: ratios of one run, on an idle machine; then how many runs
#              a bisection needs, simulated (BISECT_TRIALS, BISECT_MERGED_TRIALS), a list of 10,000 results (LIST_RESULTS), looks at memory, and
# make yardstick  what drgn says of cores of ours and how long it takes, beside `oomph diagnose` (YARDSTICK_CORES=3; builds a kernel with DWARF)
# make soak    long series of real runs; resumable (SOAK_STORE, SOAK_OPTIONS for `oomph matrix`, e.g. "--jobs 2")
# make check-reports  every format of `oomph report`, and docs/ci, read by the tools that others read them with (fetches them once)
# make lint    formatting and clippy, of the fuzz targets too
# make check-images  the Debian systems of `guest.image`, each made and booted (bookworm on XFS, trixie on ext4), and disks as a user's own: by
#                    their bootloader, under a kernel of ours, by key and password
# make check-page  the HTML report in a real browser (Debian's chromium, 124 MB to fetch), with screenshots in PAGE_PICTURES; make test does it too
# make install    the program, its manual pages and completions, and scenarios and kernel-configs to read and copy (PREFIX=/usr/local,
#                 DESTDIR= for who makes a package); make uninstall takes them away
# make fuzz    a minute for each fuzz target (needs a nightly toolchain)
# Each installs what it needs first (scripts/host-packages.sh).

.PHONY: demo test bench yardstick soak check-reports check-images check-page lint fuzz setup build clean install uninstall

CARGO ?= cargo
FUZZ_SECONDS ?= 60
SOAK_STORE ?= results/soak
SOAK_OPTIONS ?=
YARDSTICK_CORES ?= 3
PAGE_PICTURES ?= target/page
OOMPH := $(or $(CARGO_TARGET_DIR),target)/release/oomph
PREFIX ?= /usr/local
# What is installed where. The program runs alone, too; but the patches of named kernels are files, and lie in DATA.
BIN = $(DESTDIR)$(PREFIX)/bin
MAN = $(DESTDIR)$(PREFIX)/share/man/man1
DATA = $(DESTDIR)$(PREFIX)/share/oomph
BASH = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

demo: build
	$(OOMPH) run scenarios/xfs-inode-mutex.yaml

build: setup
	$(CARGO) build --release --locked -p oomph

# One test more than there are processors: a guest that hangs, or stands still, mostly waits.
test: export RUST_TEST_THREADS ?= $(shell expr $$(nproc) + 1)
test: setup
	@scripts/host-packages.sh chromium:chromium
	$(CARGO) test --workspace --locked

check-reports: build
	scripts/check-reports.sh $(OOMPH) results/soak

check-images: setup
	@scripts/host-packages.sh mcopy:mtools syslinux:syslinux ssh-keygen:openssh-client
	$(CARGO) test --locked -p oomph --test image_boot --test own_disk -- --ignored --nocapture --test-threads 1

check-page:
	@scripts/host-packages.sh chromium:chromium
	mkdir -p $(PAGE_PICTURES)
	CHECK_PAGE=$(abspath $(PAGE_PICTURES)) $(CARGO) test --locked -p oomph --test page

lint:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml --locked -- -D warnings

bench: build
	$(CARGO) run --release --locked --quiet -p oomph-bench --bin oomph-bench -- $(OOMPH)
	$(CARGO) run --release --locked --quiet -p oomph-bench --bin bisect
	$(CARGO) run --release --locked --quiet -p oomph-bench --bin list -- $(OOMPH)
	$(CARGO) run --release --locked --quiet -p oomph-bench --bin looks -- $(OOMPH)
	$(MAKE) yardstick

yardstick: build
	scripts/yardstick.sh $(OOMPH) $(YARDSTICK_CORES)

soak: build
	scripts/soak.sh $(OOMPH) $(SOAK_STORE) $(SOAK_OPTIONS)

fuzz: setup
	command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	set -e; fuzz() { target=$$1; shift; mkdir -p fuzz/corpus/$$target; \
	  cargo +nightly fuzz run $$target fuzz/corpus/$$target "$$@" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048; }; \
	fuzz scenario scenarios -- -dict=fuzz/scenario.dict; fuzz line fuzz/seeds/line --; \
	fuzz kmsg harness/tests/kmsg -- -max_len=4096; fuzz diagnose harness/tests/diagnose -- -max_len=16384; fuzz qmp fuzz/seeds/qmp --; \
	fuzz machine fuzz/seeds/machine --; fuzz events fuzz/seeds/events -- -dict=fuzz/events.dict -max_len=8192; \
	fuzz kallsyms fuzz/seeds/kallsyms -- -max_len=16384; fuzz btf fuzz/seeds/btf -- -max_len=8192; fuzz dwarf fuzz/seeds/dwarf -- -max_len=16384; \
	fuzz core fuzz/seeds/core -- -max_len=32768; fuzz picture fuzz/seeds/picture -- -max_len=2000

# As root there may be no cargo: what `make build` has built is installed as it is.
$(OOMPH):
	$(MAKE) build

install: $(OOMPH)
	install -d $(BIN) $(MAN) $(DATA) $(BASH) $(ZSH) $(FISH)
	install -m 755 $(OOMPH) $(BIN)/oomph
	rm -f $(MAN)/oomph.1 $(MAN)/oomph-*.1
	$(OOMPH) man --dir $(MAN)
	$(OOMPH) completions bash > $(BASH)/oomph
	$(OOMPH) completions zsh > $(ZSH)/_oomph
	$(OOMPH) completions fish > $(FISH)/oomph.fish
	rm -rf $(DATA)/scenarios $(DATA)/kernel-configs $(DATA)/images
	cp -R scenarios kernel-configs $(DATA)
	install -d $(DATA)/images
	install -m 644 images/*.yaml $(DATA)/images
	rm -rf $(DATA)/scenarios/tests

uninstall:
	rm -f $(BIN)/oomph $(MAN)/oomph.1 $(MAN)/oomph-*.1 $(BASH)/oomph $(ZSH)/_oomph $(FISH)/oomph.fish
	rm -rf $(DATA)

setup:
	@scripts/host-packages.sh

clean:
	$(CARGO) clean
