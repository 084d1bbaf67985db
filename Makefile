# What people type. Each target installs what it needs (Debian packages, as root) and can be run on a clean checkout.

PREFIX ?= /usr/local
CARGO ?= cargo

# What a compose of a Debian derivative with containers and live images runs.
COMPOSE_PACKAGES = arch-test ca-certificates cpio mmdebstrap xorriso squashfs-tools mtools isomd5sum grub-common grub-pc-bin grub-efi-amd64-bin \
	debian-archive-keyring gpgv ostree util-linux qemu-utils fdisk dosfstools e2fsprogs btrfs-progs zsync
# What the demo's own packages and throw-away key are made with.
DEMO_PACKAGES = dpkg-dev gpg gpg-agent
# What C code in Rust libraries is built with.
BUILD_PACKAGES = gcc libc6-dev make
# What starts images.
BOOT_PACKAGES = qemu-system-x86 ovmf
# What the tests look at the results with.
TEST_PACKAGES = $(BOOT_PACKAGES) apt-utils buildah busybox-static createrepo-c debootstrap docker-registry dnf dnf-plugins-core dose-distcheck dpkg-dev gdisk genisoimage gpg isolinux \
	jigdo-file kpartx openssl parted python3-venv rpm rsync skopeo syslinux-utils xz-utils
# What runs programs and machines of another arch.
FOREIGN_PACKAGES = qemu-user-static qemu-system-arm
# What charmer-encapsulate, which links libostree, is built with.
ENCAPSULATE_PACKAGES = libostree-dev libssl-dev libzstd-dev pkg-config
# What the fuzzer itself is built with.
FUZZ_PACKAGES = g++

.PHONY: all demo demo-all encapsulate test test-long check audit reproducible soak fuzz bench bench-rpm generate install clean

all:
	@./scripts/build-release

demo:
	@./scripts/install-packages $(COMPOSE_PACKAGES) $(DEMO_PACKAGES) $(BUILD_PACKAGES)
	$(CARGO) build --release --package charmer
	@./scripts/demo

# The same with every image, each of them started that a machine starts.
demo-all:
	@./scripts/install-packages $(COMPOSE_PACKAGES) $(DEMO_PACKAGES) $(BUILD_PACKAGES) $(BOOT_PACKAGES) $(ENCAPSULATE_PACKAGES) skopeo
	$(CARGO) build --release --package charmer
	$(CARGO) build --release --locked --manifest-path encapsulate/Cargo.toml
	@./scripts/demo --all

# The program that puts OSTree commits into containers, for `make install`.
encapsulate:
	@./scripts/install-packages $(BUILD_PACKAGES) $(ENCAPSULATE_PACKAGES)
	$(CARGO) build --release --locked --manifest-path encapsulate/Cargo.toml

test:
	@./scripts/install-packages $(COMPOSE_PACKAGES) $(DEMO_PACKAGES) $(BUILD_PACKAGES) $(TEST_PACKAGES) $(ENCAPSULATE_PACKAGES)
	@./scripts/run-tests

# What `make test` leaves out since it takes long: machines of other kinds, and every form made twice.
test-long:
	@./scripts/install-packages $(COMPOSE_PACKAGES) $(DEMO_PACKAGES) $(BUILD_PACKAGES) $(TEST_PACKAGES) $(ENCAPSULATE_PACKAGES) $(FOREIGN_PACKAGES)
	$(CARGO) build --manifest-path encapsulate/Cargo.toml --locked --quiet
	$(CARGO) test --package charmer --locked --test it -- --ignored --nocapture --test-threads 1

check:
	@./scripts/install-packages $(BUILD_PACKAGES)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) fmt --manifest-path encapsulate/Cargo.toml --check
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --workspace --no-deps --document-private-items --locked
	$(CARGO) xtask generate --check

# What charmer depends on: licences, duplicates, sources, advisories. The program that looks takes minutes to build.
audit:
	@./scripts/check-dependencies

# Two builds of the last commit, in two folders; they must be the same.
reproducible:
	@./scripts/install-packages $(BUILD_PACKAGES)
	@./scripts/check-reproducible

# Composes killed at so many random moments, and resumed; SEED repeats a run.
POINTS ?= 500
SEED ?= $(shell date +%s)
soak:
	@./scripts/install-packages $(COMPOSE_PACKAGES) $(DEMO_PACKAGES) $(BUILD_PACKAGES) $(TEST_PACKAGES)
	CHARMER_SEED=$(SEED) CHARMER_POINTS=$(POINTS) $(CARGO) test --package charmer --locked --test it -- --nocapture soak::

# Hostile input, made up for so many minutes for each kind; needs rustup's nightly toolchain. TARGETS names some of the kinds.
MINUTES ?= 10
fuzz:
	@./scripts/install-packages $(BUILD_PACKAGES) $(FUZZ_PACKAGES)
	@./scripts/fuzz $(MINUTES) $(TARGETS)

# Everything that docs/benchmarks.md has of Debian packages and of the engine, beside apt, dose, germinate and aptly; RUNS of each.
bench:
	@./scripts/install-packages $(COMPOSE_PACKAGES) $(DEMO_PACKAGES) $(BUILD_PACKAGES)
	@./scripts/bench-index
	@./scripts/bench-deb $(RUNS)
	@./scripts/bench-demo
	$(CARGO) run --quiet --release --locked --package charmer-compose --example schedule_speed
	@./scripts/install-packages $(TEST_PACKAGES)
	$(CARGO) test --quiet --release --locked --package charmer --test it -- --nocapture --test-threads 1 nightly::

# Whole composes of 20,000 and 80,000 RPM packages, beside createrepo_c and dnf; RUNS of each.
RUNS ?= 5
bench-rpm:
	@./scripts/install-packages $(BUILD_PACKAGES)
	@./scripts/bench-rpm $(RUNS)

generate:
	$(CARGO) xtask generate

# Pungi's commands, which charmer is too under these names.
PUNGI_COMMANDS = comps_filter pungi-config-dump pungi-config-validate pungi-create-unified-isos pungi-gather \
	pungi-koji pungi-notification-report-progress pungi-patch-iso

install: all
	install -D -m 755 target/release/charmer $(DESTDIR)$(PREFIX)/bin/charmer
	if [ -e encapsulate/target/release/charmer-encapsulate ]; then \
		install -m 755 encapsulate/target/release/charmer-encapsulate $(DESTDIR)$(PREFIX)/bin/charmer-encapsulate; \
	fi
	for name in $(PUNGI_COMMANDS); do ln -sf charmer $(DESTDIR)$(PREFIX)/bin/$$name; done
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -D -m 644 completions/charmer.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/charmer
	install -D -m 644 completions/_charmer $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_charmer
	install -D -m 644 completions/charmer.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/charmer.fish

clean:
	$(CARGO) clean
	$(CARGO) clean --manifest-path encapsulate/Cargo.toml
