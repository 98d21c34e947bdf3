# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Benches: see tools/bench/README.md. BENCH_ARGS goes to bench-packets.

.PHONY: bench bench-packets

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

bench: bench-packets ## all benches, tables here and CSV in $(O)/bench (root)
