# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Other kernels than the one at hand, and another compiler than the one at hand for the program.

K ?=

# The program made by another compiler: a tree of its own, as sanitized ones have. Both run on all kernels.
CLANG_19 ?= clang-19
O_19 := $(O)-clang-19
VM_AT_HAND = clang-$(firstword $(subst ., ,$(shell $(CLANG) -dumpversion)))=$(O)
VM_BUILDS = $(VM_AT_HAND) clang-19=$(O_19)
RUN_VM := $(if $(SAN),,vm:vm/test) # sanitizers say the same on every kernel

.PHONY: test-vm check-vm vm-programs
vm-programs: all $(bpf_programs) lab-programs
	@+$(MAKE) --no-print-directory O=$(O_19) CLANG=$(CLANG_19) LLVM_STRIP=$(CLANG_19:clang%=llvm-strip%) \
		all $(bpf_programs:$(O)/%=$(O_19)/%) lab-programs

test-vm: ## the bpf tests and the scene on the kernels of vm/kernels.list, by clang 14 and 19, in QEMU
	@tools/install-packages build test vm
	@$(MAKE) --no-print-directory $(JOBS) O=$(O) vm-programs
	@$(RUN) vm:vm/test; status=$$?; $(GIVE_BACK); exit $$status

check-vm: all $(bpf_programs) lab-programs ## the same with what is built, on kernel K=6.1 or K=6.12 alone
	@tools/install-packages --check vm
	@O=$(O) T='$(T)' K=$(or $(K),6.1) BUILDS='$(VM_AT_HAND)' tests/run vm:vm/test
