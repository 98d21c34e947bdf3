# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Unit tests: tests/unit/test_X.c links with what it uses of base, model, config and protocol, and with the packages
# that PKGS_X names. The archive lets a test take one module without those it does not use.

T ?=
UNIT_TESTS := $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_LIB_SRC := $(BASE_SRC) $(MODEL_SRC) $(CONFIG_SRC) $(PROTOCOL_SRC) $(wildcard tests/lib/*.c)
UNIT_RUN := $(foreach t,$(UNIT_TESTS),$(if $(T),$(if $(findstring $(T),$(t)),$(t)),$(t)))

$(O)/tests/libunit.a: $(call obj,$(UNIT_LIB_SRC))
	$(say) AR $@
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/tests/unit/%: $(O)/tests/unit/test_%.o $(O)/tests/libunit.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/tests/libunit.a $(call pkg_libs,jansson cmocka $(PKGS_$*))

# Modules above model and config that a test links besides.
PKGS_net := libmnl libuv
$(O)/tests/unit/net: $(call obj,$(wildcard user/net/*.c))

.PHONY: check-unit
check-unit: $(addprefix $(O)/tests/unit/,$(UNIT_RUN)) ## unit tests (T=word selects by file name)
	@failed=""; for t in $(UNIT_RUN); do \
		if $(O)/tests/unit/$$t >$(O)/tests/unit/$$t.log 2>&1; \
		then printf '  ok       %s (%s)\n' $$t "$$(grep -c '\[       OK \]' $(O)/tests/unit/$$t.log)"; \
		else printf '  FAILED   %s\n' $$t; cat $(O)/tests/unit/$$t.log; failed="$$failed $$t"; fi; \
	done; \
	if [ -n "$$failed" ]; then echo "unit tests failed:$$failed"; exit 1; fi
