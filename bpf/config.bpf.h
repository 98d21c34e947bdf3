/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Settings that are fixed when the program is loaded. The verifier sees constants and prunes what they switch off.
 * Set through the skeleton's rodata between open and load; a daemon that adopts pins takes them from struct xlb_meta.
 */
#ifndef XLB_CONFIG_BPF_H
#define XLB_CONFIG_BPF_H

#include <stdbool.h>

#include <xlb/abi.h>

const volatile __u32 xlb_cfg_nr_buckets = 1;  /* of xlb_flows */
const volatile __u32 xlb_cfg_nr_buckets6 = 1; /* of xlb_flows6 */
const volatile __u32 xlb_cfg_tick_shift = 8;  /* see xlb/flow.h */
const volatile __u32 xlb_cfg_hz = 250;	      /* jiffies per second */
const volatile __u64 xlb_cfg_secrets[XLB_NR_SECRETS] = { 0 };
const volatile __u32 xlb_cfg_answers_per_s = 1000; /* resets and ICMP messages that one CPU makes per second, at most */

/*
 * The CPU keeps stores in order (x86, s390): a plain store releases a lock or publishes a record. Where it does not, an
 * atomic exchange does, which is a full barrier in BPF on every CPU and costs several nanoseconds.
 */
const volatile bool xlb_cfg_stores_in_order = false;

#endif
