/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Interfaces: attached by a pinned link, found again by it, and given a new program without missing a packet.
 *
 * The interface number that flows and servers carry is an index into xlb_tables.control.ifindex and the key of the
 * device map; both are set before the first packet and cleared after the last.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "dataplane/dp_priv.h"

const struct dp_if *dp_ifs(const struct dp *dp, size_t *ret_nr)
{
	*ret_nr = dp->nr_ifs;
	return dp->ifs;
}

uint16_t dp_if_number(const struct dp *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->nr_ifs; i++)
		if (dp->ifs[i].ifindex == ifindex)
			return dp->ifs[i].number;
	return 0;
}

static bool is_attached(const struct dp *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->nr_ifs; i++)
		if (dp->ifs[i].ifindex == ifindex)
			return true;
	return false;
}

static void set_number(struct dp *dp, uint32_t number, uint32_t ifindex)
{
	if (ifindex)
		(void)bpf_map_update_elem(dp->map_fd[DP_MAP_ports], &number, &ifindex, BPF_ANY);
	__atomic_store_n(&dp->control->ifindex[number], ifindex, __ATOMIC_RELEASE);
	if (!ifindex)
		(void)bpf_map_delete_elem(dp->map_fd[DP_MAP_ports], &number);
}

/* A number that no attached interface has, 0: none left. */
static uint16_t free_number(const struct dp *dp)
{
	for (unsigned int n = 1; n < XLB_MAX_IFS; n++)
		if (!dp->control->ifindex[n])
			return (uint16_t)n;
	return 0;
}

static int create_link(const struct dp *dp, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(dp->prog_fd, (int)ifindex, BPF_XDP, &opts);

	return fd < 0 ? -errno : fd;
}

/*
 * Creates the link in the wanted mode; AUTO falls back to generic when the driver has no native mode or refuses it, and
 * not when another program is there. Writes mode and reason into 'info'. Returns the descriptor or a negative errno.
 */
static int link_by_mode(struct dp *dp, struct dp_if *info, enum attach_mode mode, uint32_t *ret_flags)
{
	char reason[96];
	int fd;

	*ret_flags = mode == ATTACH_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	fd = create_link(dp, info->ifindex, *ret_flags);
	info->mode = mode == ATTACH_GENERIC ? ATTACH_GENERIC : ATTACH_NATIVE;
	snprintf(info->why, sizeof(info->why), "%s",
		 mode == ATTACH_GENERIC ? "generic mode was asked for" : "the driver supports native XDP");
	if (fd >= 0 || mode != ATTACH_AUTO || fd == -EBUSY || fd == -EEXIST || fd == -ENODEV || fd == -EPERM)
		return fd;
	refuse_reason(dp, info->ifindex, XDP_FLAGS_DRV_MODE, fd, reason, sizeof(reason));
	*ret_flags = XDP_FLAGS_SKB_MODE;
	fd = create_link(dp, info->ifindex, *ret_flags);
	info->mode = ATTACH_GENERIC;
	snprintf(info->why, sizeof(info->why), "native mode refused: %s", reason);
	return fd;
}

static int pin_link(struct dp *dp, int fd, const char *ifname, char *pin, size_t cap)
{
	pin_link_path(&dp->paths, ifname, pin, cap);
	if (!bpf_obj_pin(fd, pin))
		return 0;
	/* Not attached, by dp_attach()'s first check: the pin of an interface of that name that is gone, or renamed. */
	if (errno != EEXIST)
		return -errno;
	snprintf(pin + strlen(pin), cap - strlen(pin), "-%d", fd);
	return bpf_obj_pin(fd, pin) ? -errno : 0;
}

static int check_attach(struct dp *dp, const char *ifname, struct dp_if *info, struct diag_list *diags)
{
	info->ifindex = strlen(ifname) < sizeof(info->name) ? if_nametoindex(ifname) : 0;
	if (!info->ifindex) {
		diag_add(diags, DIAG_ERROR, NULL, "D0340", "ip link shows the interfaces", "there is no interface '%s'",
			 ifname);
		return -ENODEV;
	}
	snprintf(info->name, sizeof(info->name), "%s", ifname);
	if (is_attached(dp, info->ifindex)) {
		diag_add(diags, DIAG_ERROR, NULL, "D0341", NULL, "%s is attached already", ifname);
		return -EEXIST;
	}
	info->number = free_number(dp);
	if (!info->number) {
		diag_add(diags, DIAG_ERROR, NULL, "D0342", "detach one that is not needed",
			 "cannot attach %s: %d interfaces are attached, there is no room for more", ifname,
			 XLB_MAX_IFS - 1);
		return -ENOSPC;
	}
	return 0;
}

void dp_set_mtu(struct dp *dp, uint32_t ifindex, unsigned int mtu)
{
	uint16_t number = dp_if_number(dp, ifindex), value = (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);

	if (number && dp->control->mtu[number] != value)
		__atomic_store_n(&dp->control->mtu[number], value, __ATOMIC_RELAXED);
}

int dp_attach(struct dp *dp, const char *ifname, enum attach_mode mode, struct diag_list *diags)
{
	struct dp_if info = { 0 };
	struct dp_link link = { .fd = -1 };
	uint32_t flags;
	int err = check_attach(dp, ifname, &info, diags);

	if (err)
		return err;
	set_number(dp, info.number, info.ifindex);
	link.fd = link_by_mode(dp, &info, mode, &flags);
	if (link.fd < 0) {
		err = link.fd;
		refuse_explain(dp, info.ifindex, ifname, flags, err, diags);
		goto fail;
	}
	err = pin_link(dp, link.fd, ifname, link.pin, sizeof(link.pin));
	if (err) {
		diag_add(diags, DIAG_ERROR, NULL, "D0343", NULL, "cannot attach %s: cannot pin its link as %s: %s",
			 ifname, link.pin, strerror(-err));
		close(link.fd);
		goto fail;
	}
	dp->ifs[dp->nr_ifs] = info;
	dp->links[dp->nr_ifs++] = link;
	dp_hops_changed(dp);
	return 0;
fail:
	set_number(dp, info.number, 0);
	return err;
}

/* Removes the pin, closes the link and forgets the interface. */
static void drop(struct dp *dp, size_t i)
{
	(void)unlink(dp->links[i].pin);
	close(dp->links[i].fd);
	set_number(dp, dp->ifs[i].number, 0);
	dp_hops_changed(dp);
	dp->nr_ifs--;
	memmove(&dp->ifs[i], &dp->ifs[i + 1], (dp->nr_ifs - i) * sizeof(dp->ifs[0]));
	memmove(&dp->links[i], &dp->links[i + 1], (dp->nr_ifs - i) * sizeof(dp->links[0]));
}

/* An interface by its present name, or by the one it was attached under. */
static size_t find_if(const struct dp *dp, const char *ifname)
{
	uint32_t ifindex = if_nametoindex(ifname);

	for (size_t i = 0; i < dp->nr_ifs; i++)
		if (ifindex ? dp->ifs[i].ifindex == ifindex : !strcmp(dp->ifs[i].name, ifname))
			return i;
	return dp->nr_ifs;
}

int dp_detach(struct dp *dp, const char *ifname, struct diag_list *diags)
{
	size_t i = find_if(dp, ifname);

	if (i == dp->nr_ifs) {
		diag_add(diags, DIAG_ERROR, NULL, "D0344", "xlbctl status lists the attached interfaces",
			 "%s is not attached", ifname);
		return -ENOENT;
	}
	/* Also when somebody else holds the link: after this no packet comes here any more. */
	if (bpf_link_detach(dp->links[i].fd) && errno != ENOLINK && errno != EINVAL && errno != EOPNOTSUPP) {
		int err = -errno;

		diag_add(diags, DIAG_ERROR, NULL, "D0345", NULL, "cannot detach %s: %s", ifname, strerror(-err));
		return err;
	}
	drop(dp, i);
	return 0;
}

void dp_forget_if(struct dp *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->nr_ifs; i++) {
		if (dp->ifs[i].ifindex == ifindex) {
			drop(dp, i);
			return;
		}
	}
}

void dp_rename_if(struct dp *dp, uint32_t ifindex, const char *ifname)
{
	for (size_t i = 0; i < dp->nr_ifs; i++)
		if (dp->ifs[i].ifindex == ifindex)
			snprintf(dp->ifs[i].name, sizeof(dp->ifs[i].name), "%s", ifname);
}

static int unlink_pin(void *arg, const char *path)
{
	(void)arg;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int dp_unpin_all(struct dp *dp, struct diag_list *diags)
{
	int err;

	while (dp->nr_ifs) {
		(void)bpf_link_detach(dp->links[0].fd);
		drop(dp, 0);
	}
	err = pin_for_each(&dp->paths, "", unlink_pin, NULL);
	if (!err && rmdir(dp->paths.pin_dir))
		err = -errno;
	if (err)
		diag_add(diags, DIAG_ERROR, NULL, "D0346", NULL, "cannot remove the pins in %s: %s", dp->paths.pin_dir,
			 strerror(-err));
	return err;
}

static enum attach_mode mode_in_force(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);

	if (bpf_xdp_query((int)ifindex, 0, &opts))
		return ATTACH_NATIVE;
	return opts.attach_mode == XDP_ATTACHED_SKB ? ATTACH_GENERIC : ATTACH_NATIVE;
}

/* The number that xlb_tables.control has for the interface, or a free one. */
static uint16_t recover_number(struct dp *dp, uint32_t ifindex)
{
	for (unsigned int n = 1; n < XLB_MAX_IFS; n++)
		if (dp->control->ifindex[n] == ifindex)
			return (uint16_t)n;
	return free_number(dp);
}

/* What recover_link() needs. */
struct recovery {
	struct dp *dp;
	struct diag_list *diags;
};

/* Is the interface with the link's number the one that runs the link's program? Not so in another namespace. */
static bool runs_here(const struct bpf_link_info *link)
{
	uint32_t drv = 0, skb = 0;

	(void)bpf_xdp_query_id((int)link->xdp.ifindex, XDP_FLAGS_DRV_MODE, &drv);
	(void)bpf_xdp_query_id((int)link->xdp.ifindex, XDP_FLAGS_SKB_MODE, &skb);
	return drv == link->prog_id || skb == link->prog_id;
}

static int link_is_live(void *arg, const char *path)
{
	struct bpf_link_info link = { 0 };
	uint32_t len = sizeof(link);
	int fd = bpf_obj_get(path), live;

	(void)arg;
	live = fd < 0 || bpf_obj_get_info_by_fd(fd, &link, &len) || link.type != BPF_LINK_TYPE_XDP || link.xdp.ifindex;
	if (fd >= 0)
		close(fd);
	return live;
}

bool attach_any_live(const struct dp *dp)
{
	return pin_for_each(&dp->paths, "link-", link_is_live, NULL) != 0;
}

/* Takes over one pinned link; removes the pin of an interface that is gone. */
static int recover_link(void *arg, const char *path)
{
	struct recovery *r = arg;
	struct dp *dp = r->dp;
	struct bpf_link_info link = { 0 };
	uint32_t len = sizeof(link);
	struct dp_if *info = &dp->ifs[dp->nr_ifs];
	int fd = bpf_obj_get(path), err;

	err = fd < 0 || bpf_obj_get_info_by_fd(fd, &link, &len) ? -errno : 0;
	if (err || link.type != BPF_LINK_TYPE_XDP || dp->nr_ifs == XLB_MAX_IFS - 1) {
		diag_add(r->diags, DIAG_ERROR, NULL, "D0347", "remove this pin if it is not xlb's",
			 "cannot adopt the running data plane: %s is no link to an interface%s%s", path,
			 err ? ": " : "", err ? strerror(-err) : "");
		if (fd >= 0)
			close(fd);
		return err ? err : -EINVAL;
	}
	if (!link.xdp.ifindex) {
		close(fd);
		(void)unlink(path);
		return 0;
	}
	if (!runs_here(&link)) {
		diag_add(r->diags, DIAG_ERROR, NULL, "D0349",
			 "start xlbd in the network namespace that it was attached in",
			 "cannot adopt the running data plane: %s is attached in another network namespace", path);
		close(fd);
		return -EINVAL;
	}
	memset(info, 0, sizeof(*info));
	info->ifindex = link.xdp.ifindex;
	info->mode = mode_in_force(info->ifindex);
	if (!if_indextoname(info->ifindex, info->name))
		snprintf(info->name, sizeof(info->name), "if%u", info->ifindex);
	snprintf(info->why, sizeof(info->why), "taken over as it was");
	dp->links[dp->nr_ifs].fd = fd;
	snprintf(dp->links[dp->nr_ifs].pin, sizeof(dp->links[0].pin), "%s", path);
	dp->nr_ifs++;
	return 0;
}

int attach_recover(struct dp *dp, struct diag_list *diags)
{
	struct recovery r = { .dp = dp, .diags = diags };
	int err = pin_for_each(&dp->paths, "link-", recover_link, &r);

	if (err)
		return err;
	/* Numbers of interfaces that are gone are free again; those of the others must stay, flows carry them. */
	for (unsigned int n = 1; n < XLB_MAX_IFS; n++)
		if (dp->control->ifindex[n] && !is_attached(dp, dp->control->ifindex[n]))
			set_number(dp, n, 0);
	for (size_t i = 0; i < dp->nr_ifs; i++) {
		dp->ifs[i].number = recover_number(dp, dp->ifs[i].ifindex);
		set_number(dp, dp->ifs[i].number, dp->ifs[i].ifindex);
	}
	return 0;
}

/* The program that runs now, for the way back; -1 if it cannot be had. */
static int open_running_program(const struct dp *dp)
{
	char path[PATHS_MAX + 64];

	pin_path(&dp->paths, "prog", path, sizeof(path));
	return bpf_obj_get(path);
}

int attach_update(struct dp *dp, struct diag_list *diags)
{
	int old = open_running_program(dp), err;
	char stages[PATHS_MAX + 64];
	bool back = old >= 0;
	size_t i = 0;

	err = pin_stages(&dp->paths, dp->stages_fd, stages, sizeof(stages));
	for (; i < dp->nr_ifs && !err; i++)
		if (bpf_link_update(dp->links[i].fd, dp->prog_fd, NULL))
			err = -errno;
	if (!err)
		err = pin_replace(&dp->paths, dp->prog_fd, "prog");
	if (!err)
		(void)pin_stages_drop_others(&dp->paths, stages);
	if (err) {
		diag_add(diags, DIAG_ERROR, NULL, "D0348", NULL,
			 "cannot put the new program in the place of the running one%s%s: %s; the old one goes on",
			 i ? " on " : "", i ? dp->ifs[i - 1].name : "", strerror(-err));
		while (old >= 0 && i-- > 0)
			back &= !bpf_link_update(dp->links[i].fd, old, NULL);
		if (back)
			(void)unlink(stages);
	}
	if (old >= 0)
		close(old);
	return err;
}

void attach_close(struct dp *dp)
{
	for (size_t i = 0; i < dp->nr_ifs; i++)
		close(dp->links[i].fd);
	dp->nr_ifs = 0;
}
