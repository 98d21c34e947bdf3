# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Unit tests: tests/unit/test_X.c links with what it uses of base, model, config and protocol, and with the packages
# that PKGS_X names. The archive lets a test take one module without those it does not use. tests/unit/t_X is a script.

T ?=
UNIT_TESTS := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_LIB_SRC := $(BASE_SRC) $(MODEL_SRC) $(CONFIG_SRC) $(PROTOCOL_SRC) $(wildcard tests/lib/*.c)
UNIT_RUN := $(foreach t,$(UNIT_TESTS),$(if $(T),$(if $(findstring $(T),$(t)),$(t)),$(t)))
UNIT_SCRIPTS := $(wildcard tests/unit/t_*)

$(O)/tests/libunit.a: $(call obj,$(UNIT_LIB_SRC))
	$(say) AR $@
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/tests/unit/%: $(O)/tests/unit/test_%.o $(O)/tests/libunit.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/tests/libunit.a $(call pkg_libs,jansson libpcre2-8 cmocka $(PKGS_$*)) $(UNIT_LDFLAGS_$*)

# This one stands in for the allocator.
UNIT_LDFLAGS_config_memory := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc reallocarray strdup)
# And this one for the kernel.
UNIT_LDFLAGS_features := $(addprefix -Wl$(comma)--wrap=,bpf_prog_load bpf_map_create libbpf_probe_bpf_prog_type \
	libbpf_probe_bpf_map_type libbpf_probe_bpf_helper)

# Modules above model and config that a test links besides.
$(O)/tests/unit/adopt: $(call obj,user/xlbd/adopt.c)
$(O)/tests/unit/announce: $(call obj,user/xlbd/announce.c)
$(O)/tests/unit/events: $(call obj,user/xlbd/events.c)
$(O)/tests/unit/import: $(call obj,user/xlbctl/import.c user/xlbctl/import_print.c)
$(O)/tests/unit/restore: $(call obj,user/xlbctl/restore.c)
$(O)/tests/unit/peer: $(call obj,user/xlbd/peer.c)
$(O)/tests/unit/stateload: $(call obj,user/xlbd/stateload.c)
$(O)/tests/unit/syslog: $(call obj,user/xlbd/syslog.c)
$(O)/tests/unit/options: $(call obj,user/xlbd/options.c)
PKGS_features := libbpf
$(O)/tests/unit/features: $(call obj,user/dataplane/features.c user/dataplane/bpflog.c)
PKGS_net := libmnl libuv
$(O)/tests/unit/net: $(call obj,$(wildcard user/net/*.c))
$(O)/tests/unit/frame: $(call obj,user/health/frame.c)
PKGS_health := libcurl libuv
$(O)/tests/unit/health: $(call obj,$(wildcard user/health/*.c))
PKGS_probe := libcurl libuv
$(O)/tests/unit/probe: $(call obj,$(wildcard user/health/*.c))
PKGS_http := libmicrohttpd libuv
$(O)/tests/unit/http: $(call obj,$(wildcard user/http/*.c))
$(O)/tests/unit/xlbctl: | $(O)/xlbctl # which it runs

# BPF tests: tests/bpf/test_X.c, the program under BPF_PROG_TEST_RUN by its skeleton. Need root.
BPF_TESTS := $(patsubst tests/bpf/test_%.c,%,$(wildcard tests/bpf/test_*.c))
BPF_TEST_LIB := $(call obj,$(filter-out tests/bpf/test_%,$(wildcard tests/bpf/*.c)))
$(call obj,$(wildcard tests/bpf/*.c)): $(O)/gen/xlb.skel.h

$(O)/tests/bpf/%: $(O)/tests/bpf/test_%.o $(BPF_TEST_LIB) $(O)/tests/libunit.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/tests/libunit.a $(call pkg_libs,libbpf libpcre2-8 cmocka)

# These test user/dataplane as well.
$(addprefix $(O)/tests/bpf/,dp dp_tables dp_flows dp_crash dp_marks features rules): $(call obj,$(wildcard user/dataplane/*.c))

# Programs that network tests run: tests/X.c.
TEST_TOOLS := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/*.c))
$(TEST_TOOLS): $(O)/tests/%: $(O)/tests/%.o
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $< $(if $(PKGS_$(@F)),$(call pkg_libs,$(PKGS_$(@F))))

PKGS_flood := libbpf

# Fuzz harnesses: tests/fuzz/fuzz_X.c against the library of the unit tests, seeds in tests/fuzz/corpus/X.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CFLAGS = $(filter-out -fstack-protector-strong -D_FORTIFY_SOURCE=2,$(XCFLAGS)) -O1 -g -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all -Wno-unused-parameter -Wno-unused-command-line-argument
FUZZ_SRC := $(BASE_SRC) $(MODEL_SRC) $(CONFIG_SRC) $(PROTOCOL_SRC) tests/lib/fake_host.c

# What they are linked with is compiled once, with the same sanitizers and coverage.
FUZZ_LIB := $(patsubst %.c,$(O)/fuzz/%.o,$(FUZZ_SRC))

$(O)/fuzz/%.o: %.c Makefile | $(O)/.packages
	$(say) FUZZ-CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(subst -fsanitize=fuzzer$(comma),-fsanitize=fuzzer-no-link$(comma),$(FUZZ_CFLAGS)) -c -o $@ $<

$(O)/tests/libfuzz.a: $(FUZZ_LIB)
	$(say) AR $@
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/tests/fuzz/%: $(O)/fuzz/tests/fuzz/fuzz_%.o $(O)/tests/libfuzz.a
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -o $@ $(filter %.o,$^) $(O)/tests/libfuzz.a $(FUZZ_LDFLAGS_$*) $(call pkg_libs,jansson libpcre2-8)

$(O)/tests/fuzz/stateload: $(O)/fuzz/user/xlbd/stateload.o
$(O)/tests/fuzz/netlink: $(addprefix $(O)/fuzz/user/net/,cache.o net.o resolve.o)
FUZZ_LDFLAGS_netlink = $(call pkg_libs,libmnl libuv)

# No name of a fuzzed file shall reach a name server.
FUZZ_LDFLAGS_conf := -Wl,--wrap=getaddrinfo
FUZZ_LDFLAGS_server := -Wl,--wrap=getaddrinfo

RUN = O=$(O) SAN=$(SAN) T='$(T)' BUILDS='$(VM_BUILDS)' tests/run
RUN_UNIT := $(UNIT_TESTS:%=unit:$(O)/tests/unit/%) $(UNIT_SCRIPTS:%=unit:%)
RUN_BPF := $(BPF_TESTS:%=bpf:$(O)/tests/bpf/%)
RUN_MODEL := bpf:$(O)/tests/model/model
RUN_NETNS := $(patsubst %,netns:%,$(wildcard tests/netns/t_*))
RUN_COMPAT := $(patsubst %,compat:%,$(wildcard tests/compat/t_*))
RUN_FUZZ := $(if $(FUZZ),fuzz:tests/fuzz/smoke)

unit_programs := $(UNIT_TESTS:%=$(O)/tests/unit/%)
bpf_programs := $(BPF_TESTS:%=$(O)/tests/bpf/%) $(O)/tests/model/model
fuzz_programs := $(FUZZ:%=$(O)/tests/fuzz/%)

.PHONY: test test-programs run-tests check-unit check-bpf check-netns check-compat check-fuzz fuzz-smoke
test: ## everything: unit, bpf, netns, compat, fuzz smoke, other kernels (root; T=word selects, SAN=..., LINT=1: lint, too)
	@tools/install-packages build test vm
	@$(MAKE) --no-print-directory $(JOBS) O=$(O) all test-programs $(if $(SAN),,vm-programs) $(RUN_LINT:%=lint-programs)
	@$(MAKE) --no-print-directory O=$(O) LINT=$(LINT) run-tests; status=$$?; $(GIVE_BACK); exit $$status

test-programs: $(unit_programs) $(bpf_programs) $(fuzz_programs) $(TEST_TOOLS) lab-programs

# Of those that compute, the last ones keep all CPUs busy to their end.
run-tests:
	@$(if $(RUN_LINT),$(LINT_ENV)) $(RUN) $(RUN_UNIT) $(RUN_NETNS) $(RUN_COMPAT) $(RUN_BPF) $(RUN_LINT) $(RUN_VM) $(RUN_FUZZ) $(RUN_MODEL)

check-unit: $(addprefix $(O)/tests/unit/,$(UNIT_RUN)) ## unit tests (T=word selects by file name)
	@O=$(O) tests/run $(UNIT_RUN:%=unit:$(O)/tests/unit/%) $(foreach t,$(UNIT_SCRIPTS),$(if $(findstring $(T),$(t)),unit:$(t)))

check-bpf: $(bpf_programs) ## the program on single packets, by BPF_PROG_TEST_RUN (root)
	@$(RUN) $(RUN_BPF) $(RUN_MODEL)

check-netns: all lab-programs $(TEST_TOOLS) ## daemon, program and command line in the lab (root)
	@$(RUN) $(RUN_NETNS)

check-compat: all $(TEST_TOOLS) lab-programs ## side by side with HAProxy and its tools (root)
	@$(RUN) $(RUN_COMPAT)

check-fuzz: $(fuzz_programs) ## a few seconds of each fuzz harness
	@$(RUN) $(RUN_FUZZ)

fuzz-smoke: $(fuzz_programs) ## half a minute of each fuzz harness (FUZZ_SECONDS)
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),30) $(RUN) $(RUN_FUZZ)

# The differential test: tests/model, an independent model of the data plane, against the program. Needs root.
MODEL_OBJ := $(call obj,$(filter-out %.bpf.c,$(wildcard tests/model/*.c)))
$(MODEL_OBJ): $(O)/gen/xlb.skel.h $(O)/gen/model_poison.skel.h

$(O)/gen/model_%.skel.h: $(O)/tests/model/%.bpf.o
	$(say) SKEL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name model_$*_bpf > $@

$(O)/tests/model/model: $(MODEL_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(call pkg_libs,libbpf)

# The same for longer, with seeds of the day.
MODEL_PACKETS ?= 100000000
MODEL_SEED ?= $(shell date +%s)

.PHONY: check-model mutants
check-model: $(O)/tests/model/model ## the program against its model, 10^8 packets (root; MODEL_PACKETS, MODEL_SEED)
	$(Q)$(O)/tests/model/model -s $(MODEL_SEED) -n $(MODEL_PACKETS) -t 0

mutants: $(bpf_programs) ## defects planted in bpf/, one at a time: do the tests see them? (root; M=word selects)
	$(Q)O=$(O) M='$(M)' CLANG='$(CLANG)' BPF_CFLAGS='$(filter-out -MMD -MP,$(BPF_CFLAGS))' tools/dev/mutants
