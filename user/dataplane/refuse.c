/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why the kernel refused an attachment, in its own words, and what to do about it.
 *
 * Creating a link gives an error number and nothing else; netlink carries the driver's text. So the refused attempt is
 * repeated once by netlink, in a form that replaces nothing, and undone should it succeed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "base/buf.h"
#include "dataplane/dp_priv.h"

/* Words in the kernel's text, and the mend; %s is the interface. The first row that fits is taken. */
static const struct {
	const char *word, *mend;
} mends[] = {
	{ "MTU", "lower the MTU of %s (ip link set dev %s mtu 1500), or use '--mode generic'" },
	{ "GRO_HW", "ethtool -K %s rx-gro-hw off lro off" },
	{ "LRO", "ethtool -K %s lro off rx-gro-hw off" },
	{ "queue", "give the driver spare queues: ethtool -L %s combined N with half as many as there are now" },
	{ "channel", "give the driver spare queues: ethtool -L %s combined N with half as many as there are now" },
	{ "CSUM", "ethtool -K %s rx off" },
	{ "does not support XDP", "use '--mode generic' for %s: slower, but it works with every driver" },
};

static char *ask_kernel(struct dp *dp, uint32_t ifindex, uint32_t flags)
{
	struct buf log = { 0 };
	char *text;
	int err;

	bpflog_capture(&log);
	err = bpf_xdp_attach((int)ifindex, dp->prog_fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	bpflog_capture(NULL);
	if (!err) {
		LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = dp->prog_fd);

		(void)bpf_xdp_detach((int)ifindex, flags | XDP_FLAGS_REPLACE, &opts);
	}
	text = bpflog_kernel_message(&log);
	buf_fini(&log);
	return text;
}

void refuse_reason(struct dp *dp, uint32_t ifindex, uint32_t flags, int err, char *ret, size_t cap)
{
	char *text = ask_kernel(dp, ifindex, flags);

	if (text)
		snprintf(ret, cap, "%s", text);
	else if (err == -EOPNOTSUPP)
		snprintf(ret, cap, "the driver does not support XDP");
	else
		snprintf(ret, cap, "%s", strerror(-err));
	free(text);
}

/* Id and name of the program on the interface; 0: there is none. */
static uint32_t program_there(uint32_t ifindex, const char **ret_mode, char *ret_name, size_t cap)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct bpf_prog_info info = { 0 };
	uint32_t id, len = sizeof(info);
	int fd;

	if (bpf_xdp_query((int)ifindex, 0, &opts))
		return 0;
	id = opts.drv_prog_id ? opts.drv_prog_id : opts.skb_prog_id ? opts.skb_prog_id : opts.hw_prog_id;
	*ret_mode = opts.drv_prog_id ? "native" : opts.skb_prog_id ? "generic" : "offloaded";
	ret_name[0] = '\0';
	fd = id ? bpf_prog_get_fd_by_id(id) : -1;
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		snprintf(ret_name, cap, " '%s'", info.name);
	if (fd >= 0)
		close(fd);
	return id;
}

void refuse_explain(struct dp *dp, uint32_t ifindex, const char *ifname, uint32_t flags, int err,
		    struct diag_list *diags)
{
	char reason[160], hint[200] = "", name[BPF_OBJ_NAME_LEN + 4];
	const char *mode;
	uint32_t id = err == -EBUSY || err == -EEXIST ? program_there(ifindex, &mode, name, sizeof(name)) : 0;

	if (id) {
		snprintf(hint, sizeof(hint), "detach it with its own tool, or: ip link set dev %s xdp off", ifname);
		diag_add(diags, DIAG_ERROR, NULL, "D0350", hint,
			 "cannot attach %s: another XDP program is there (id %u%s, %s mode)", ifname, id, name, mode);
		return;
	}
	refuse_reason(dp, ifindex, flags, err, reason, sizeof(reason));
	for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]) && !hint[0]; i++)
		if (strstr(reason, mends[i].word))
			snprintf(hint, sizeof(hint), mends[i].mend, ifname, ifname);
	diag_add(diags, DIAG_ERROR, NULL, "D0351", hint[0] ? hint : NULL, "cannot attach %s in %s mode: %s", ifname,
		 flags & XDP_FLAGS_SKB_MODE ? "generic" : "native", reason);
}
