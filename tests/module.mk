# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Unit tests: tests/unit/test_X.c links with base, model, config, protocol and what its own line adds.

UNIT_TESTS := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_LIB_SRC := $(BASE_SRC) $(MODEL_SRC) $(CONFIG_SRC) $(PROTOCOL_SRC)

$(O)/tests/unit/%: $(O)/tests/unit/test_%.o $(call obj,$(UNIT_LIB_SRC)) $(call obj,$(wildcard tests/lib/*.c))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,jansson cmocka $(PKGS_$*))
