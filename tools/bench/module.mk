# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Benches: see tools/bench/README.md. BENCH_ARGS goes to bench-packets.

.PHONY: bench bench-packets bench-ways bench-pps bench-change bench-checks bench-e2e

BENCH_ARGS ?=
BENCH_SRC := $(wildcard tools/bench/*.c)
BENCH_OBJ := $(call obj,$(filter-out %.bpf.c,$(BENCH_SRC)))
BENCH_SKEL := $(patsubst tools/bench/%.bpf.c,$(O)/gen/bench_%.skel.h,$(filter %.bpf.c,$(BENCH_SRC)))

$(O)/gen/bench_%.skel.h: $(O)/tools/bench/%.bpf.o
	$(say) SKEL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name bench_$*_bpf > $@

$(BENCH_OBJ): $(BENCH_SKEL) $(O)/gen/xlb.skel.h

$(O)/bench-packets: $(BENCH_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libbpf)

bench-packets: $(O)/bench-packets ## nanoseconds per packet beside the yardstick (root)
	$(Q)mkdir -p $(O)/bench
	$(Q)$(O)/bench-packets -o $(O)/bench/packets.csv $(BENCH_ARGS)

# Every way of forwarding, and how they grow.
$(O)/gen/bench_ways_front.skel.h: $(O)/tools/bench/ways/front.bpf.o
	$(say) SKEL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name bench_ways_front_bpf > $@

WAYS_OBJ := $(call obj,$(filter-out %.bpf.c,$(wildcard tools/bench/ways/*.c)))
$(WAYS_OBJ): $(O)/gen/bench_ways_front.skel.h $(O)/gen/xlb.skel.h

$(O)/bench-ways: $(WAYS_OBJ) $(call obj,tools/bench/scene.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libbpf)

bench-ways: $(O)/bench-ways ## nanoseconds per packet of every way of forwarding (root)
	$(Q)mkdir -p $(O)/bench
	$(Q)$(O)/bench-ways $(O)/bench/ways.csv

# Packets per second through a cable.
$(O)/gen/bench_pps_ends.skel.h: $(O)/tools/bench/pps/ends.bpf.o
	$(say) SKEL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name bench_pps_ends_bpf > $@

$(call obj,tools/bench/pps/pps.c): $(O)/gen/bench_pps_ends.skel.h $(O)/gen/bench_ways_front.skel.h

$(O)/bench-pps: $(call obj,$(addprefix tools/bench/,pps/pps.c ways/table.c ways/rules.c scene.c))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libbpf)

bench-pps: $(O)/bench-pps ## packets per second of one core, as a share of a bare bounce (root)
	$(Q)mkdir -p $(O)/bench
	$(Q)$(O)/bench-pps $(O)/bench/pps.csv

# Small programs of the end-to-end bench.
$(call obj,tools/bench/net/bare_attach.c): $(O)/gen/bench_bare.skel.h

$(O)/bench-bare: $(call obj,tools/bench/net/bare_attach.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libbpf)

$(O)/bench-udp: $(call obj,tools/bench/net/udp.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^

bench-e2e: all lab-programs $(O)/bench-bare $(O)/bench-udp ## requests per second beside HAProxy, nginx, nftables (root)
	$(Q)O=$(O) tools/bench/e2e

$(O)/bench-checks: $(call obj,tools/bench/net/checks.c $(wildcard user/health/*.c) $(MODEL_SRC) $(BASE_SRC))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libuv libcurl libpcre2-8)

bench-checks: $(O)/bench-checks ## what 10 000 health checks every 2 s cost (BENCH_ARGS: CHECKS EVERY_MS SECONDS)
	$(Q)ulimit -n 65536 2> /dev/null; $(O)/bench-checks $(BENCH_ARGS)

$(O)/bench-change: $(call obj,tools/bench/net/change.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libbpf)

bench-change: all lab-programs $(O)/bench-change ## how soon a change of a server is in the tables, of 4096 servers (root)
	$(Q)O=$(O) tools/bench/change

bench: ## what a packet and a request cost, beside others; tables here and CSV in $(O)/bench (root)
	@tools/install-packages build test
	@$(MAKE) --no-print-directory O=$(O) bench-packets bench-ways bench-pps bench-change bench-e2e
