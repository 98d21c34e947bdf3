# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Other kernels than the one at hand.

K ?= 6.1

.PHONY: check-vm
check-vm: $(bpf_programs) ## the bpf tests on Debian's kernel K=6.1 or K=6.12, in QEMU (network)
	@tools/install-packages --check vm
	@O=$(O) vm/check-bpf $(K)
