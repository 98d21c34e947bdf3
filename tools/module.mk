# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Lab, demo, lint, installation: what people run besides the build itself.

.PHONY: verifier packages demo lint lint-programs format cdb install uninstall lab-programs

# Names what `make` lacks on this machine before a compiler does it less clearly.
$(O)/.packages: tools/packages.txt tools/install-packages
	@tools/install-packages --check build
	@mkdir -p $(@D) && touch $@

packages: ## install the Debian packages that build, tests and lint need (root)
	@tools/install-packages

# The program that lets XDP_TX frames through a veth: see tools/lab.
LAB_PROGRAMS := $(patsubst %.bpf.c,$(O)/%.bpf.o,$(wildcard tools/scene/*.bpf.c))
lab-programs: $(LAB_PROGRAMS)

# All cores for the builds inside demo and test, unless the caller chose.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# With sudo the build belongs to who called it, so that the next plain make can go on.
GIVE_BACK = $(if $(SUDO_UID),chown -R $(SUDO_UID):$(SUDO_GID) $(wildcard $(O) $(O_19)),:)

demo: ## the whole story in a minute: two servers, one dies, one returns (root)
	@tools/install-packages build test
	@$(MAKE) --no-print-directory $(JOBS) O=$(O) all lab-programs
	@$(GIVE_BACK)
	@O=$(O) tools/demo

LINT_C := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
HOST_C := $(filter-out %.bpf.c tests/fuzz/%,$(filter %.c,$(LINT_C)))

LINT_SKEL := $(O)/gen/xlb.skel.h $(patsubst tools/bench/%.bpf.c,$(O)/gen/bench_%.skel.h,$(wildcard tools/bench/*.bpf.c)) $(O)/gen/bench_ways_front.skel.h $(O)/gen/bench_pps_ends.skel.h

LINT_ENV = O=$(O) XCFLAGS='$(filter-out -MMD -MP -Werror=%,$(XCFLAGS)) $(call pkg_cflags,$(PKGS_xlbd) $(PKGS_xlbctl) cmocka)'

# LINT=1: make test runs it beside the tests that wait.
LINT ?=
RUN_LINT = $(if $(filter 1,$(LINT)),lint:tools/dev/lint)

lint-programs: $(LINT_SKEL)

lint: lint-programs ## layers, sizes, formatting, cppcheck, clang-tidy, shellcheck: no finding allowed
	@tools/install-packages --check lint
	@$(LINT_ENV) tools/dev/lint

format: ## rewrite the formatting of all C sources
	@clang-format -i $(LINT_C)

cdb: ## compile_commands.json for editors
	$(say) GEN compile_commands.json
	@{ echo '['; sep=''; for f in $(HOST_C); do \
		printf '%s{"directory": "%s", "file": "%s", "command": "%s"}' "$$sep" '$(CURDIR)' "$$f" '$(CC) $(XCFLAGS) $(CFLAGS) -c '"$$f"; sep=','; \
	done; echo ']'; } > compile_commands.json

# Manual page and shell completion come from the command table itself.
install: all ## into $(DESTDIR)$(PREFIX)
	install -D -m 755 $(O)/xlbd $(DESTDIR)$(PREFIX)/sbin/xlbd
	install -D -m 755 $(O)/xlbctl $(DESTDIR)$(PREFIX)/bin/xlbctl
	install -d $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(O)/xlbctl man > $(DESTDIR)$(PREFIX)/share/man/man8/xlbctl.8
	$(O)/xlbctl completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/xlbctl
	install -D -m 644 docs/xlbd.8 $(DESTDIR)$(PREFIX)/share/man/man8/xlbd.8
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@SBINDIR@|$(PREFIX)/sbin|; s|@BINDIR@|$(PREFIX)/bin|' docs/xlb.service.in \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/xlb.service

uninstall: ## remove what install copied
	rm -f $(DESTDIR)$(PREFIX)/sbin/xlbd $(DESTDIR)$(PREFIX)/bin/xlbctl $(DESTDIR)$(PREFIX)/share/man/man8/xlbctl.8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/xlbctl $(DESTDIR)$(PREFIX)/share/man/man8/xlbd.8 \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/xlb.service

# What the verifier says: the data plane of the daemon, with a hand between it and libbpf.
$(O)/tools/dev/verifier: $(call obj,tools/dev/verifier.c $(wildcard user/dataplane/*.c)) $(O)/tests/libunit.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -Wl,--wrap=bpf_object__load_skeleton -o $@ $^ $(call pkg_libs,libbpf libpcre2-8)

VERIFIER = tools/dev/verifier $(O)/bpf/xlb.bpf.o bpf/budget.txt $(if $(K),vm/run $(K)) $(O)/tools/dev/verifier

verifier: $(O)/tools/dev/verifier ## what the kernel's verifier does for the program, beside the budget (root; K=6.1)
	@O=$(O) $(VERIFIER)
