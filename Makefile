# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One graph, nothing generated beside sources. `make help` lists the targets.

MAKEFLAGS += -r
.DELETE_ON_ERROR:
.SECONDARY: # keep objects and skeletons, they are named in no rule's target list

SAN ?=
V ?= 0
W ?= 0
comma := ,
O ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))

CC = gcc
CLANG ?= clang
BPFTOOL ?= $(or $(wildcard /usr/sbin/bpftool),bpftool)
LLVM_STRIP ?= llvm-strip
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g

LIBS := libbpf libuv libcurl libpcre2-8 libmicrohttpd jansson libmnl smartcols libcap-ng
PKGS_xlbd := libbpf libuv libcurl libpcre2-8 libmicrohttpd jansson libmnl libcap-ng
PKGS_xlbctl := jansson smartcols ncurses
PKGS_test := cmocka

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
	-Werror=return-type -Werror=enum-conversion -Werror=switch -Werror=implicit-function-declaration \
	$(if $(filter 1,$(W)),-Werror)
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
XCFLAGS := -std=gnu11 -MMD -MP -D_GNU_SOURCE -Iinclude -Iuser -I$(O)/gen $(WARN) $(HARDEN) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
XLDFLAGS := -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN))

# UAPI headers for BPF: where clang and gcc say they are. Not every clang knows the second, should CC be one.
MULTIARCH := $(or $(shell $(CC) -print-multiarch 2>/dev/null),$(shell gcc -print-multiarch 2>/dev/null))
BPF_INC := $(shell $(CLANG) -print-resource-dir 2>/dev/null)/include /usr/include/$(MULTIARCH) /usr/include
BPF_CFLAGS := -O2 -g -mcpu=v3 -target bpf -fno-strict-aliasing -MMD -MP -Wall -Wextra -Wno-unused-parameter -Wshadow -Werror=return-type \
	-Werror=enum-conversion -Iinclude -Ibpf $(addprefix -idirafter ,$(BPF_INC))

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

BASE_SRC := $(wildcard user/base/*.c)
MODEL_SRC := $(wildcard user/model/*.c)
CONFIG_SRC := $(wildcard user/config/*.c)
PROTOCOL_SRC := $(wildcard user/protocol/*.c)
DAEMON_SRC := $(BASE_SRC) $(MODEL_SRC) $(CONFIG_SRC) $(PROTOCOL_SRC) $(wildcard user/dataplane/*.c user/net/*.c \
	user/health/*.c user/http/*.c user/xlbd/*.c)
CTL_SRC := $(BASE_SRC) $(wildcard user/xlbctl/*.c)

obj = $(patsubst %.c,$(O)/%.o,$(1))
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1))

.PHONY: all
all: $(if $(wildcard user/xlbd/main.c),$(O)/xlbd) $(if $(wildcard user/xlbctl/main.c),$(O)/xlbctl) ## build the daemon and the command line

$(O)/xlbd: $(call obj,$(DAEMON_SRC))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS_xlbd))

$(O)/xlbctl: $(call obj,$(CTL_SRC))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(XLDFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS_xlbctl))

$(O)/%.o: %.c Makefile | $(O)/.packages
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(XCFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/%.bpf.o: %.bpf.c Makefile | $(O)/.packages
	$(say) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MF $(@:.o=.d) -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@

# The skeleton is the only form in which user code sees the program.
$(O)/gen/%.skel.h: $(O)/bpf/%.bpf.o
	$(say) SKEL $@
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#include <xlb/tables.h>'; $(BPFTOOL) gen skeleton $< name $*_bpf; } > $@

$(call obj,$(wildcard user/dataplane/*.c)): $(O)/gen/xlb.skel.h $(O)/gen/clock.skel.h

include $(wildcard tests/module.mk tools/module.mk tools/bench/module.mk vm/module.mk)

.PHONY: clean help
clean: ## remove what was built
	$(Q)rm -rf build build-*

help: ## this text
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
