/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rtnetlink against the running kernel, in two network namespaces of the test's own: "here" (this process) with the
 * interface n0 10.9.8.1/24, and "there" (a child that only sleeps) with n1 10.9.8.2/24 at the other end.
 *
 * Needs root; without it every case is skipped and counted as such.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "net/net.h"

enum { PATIENCE_MS = 20000, NR_EVENTS = NET_NEIGH_CHANGED + 1 };

struct scene {
	pid_t there;
	uv_loop_t loop;
	struct net *net;
	unsigned int events[NR_EVENTS];
	char gone[16];
};

static void on_event(void *arg, const struct net_event *ev)
{
	struct scene *s = arg;

	s->events[ev->type]++;
	if (ev->type == NET_LINK_GONE)
		memcpy(s->gone, ev->ifname, sizeof(s->gone));
}

__attribute__((format(printf, 1, 2))) static void sh(const char *fmt, ...)
{
	char cmd[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, args);
	va_end(args);
	if (system(cmd))
		fail_msg("failed: %s", cmd);
}

/* Both namespaces and the cable between them. */
static int enter_namespace(void **state)
{
	static struct scene scene;
	int ready[2];
	char byte;

	*state = NULL;
	if (geteuid() || unshare(CLONE_NEWNET))
		return 0;
	if (pipe(ready))
		return -1;
	scene.there = fork();
	if (scene.there < 0)
		return -1;
	if (!scene.there) {
		close(ready[0]);
		if (unshare(CLONE_NEWNET) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return -1;
	close(ready[0]);
	*state = &scene;
	return 0;
}

static int leave_namespace(void **state)
{
	struct scene *s = *state;

	if (s) {
		kill(s->there, SIGKILL);
		waitpid(s->there, NULL, 0);
	}
	return 0;
}

static struct scene *open_net(void **state)
{
	struct scene *s = *state;

	if (!s)
		skip();
	sh("ip link del n0 2>/dev/null; ip link set lo up && ip link add n0 type veth peer name n1 && ip link set n1 "
	   "netns %d && "
	   "ip addr add 10.9.8.1/24 dev n0 && ip link set n0 up && "
	   "nsenter --net=/proc/%d/ns/net sh -c 'ip addr add 10.9.8.2/24 dev n1 && ip link set n1 up'",
	   s->there, s->there);
	memset(s->events, 0, sizeof(s->events));
	s->gone[0] = '\0';
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(net_open(&s->loop, on_event, s, &s->net), 0);
	return s;
}

static void close_net(struct scene *s)
{
	net_close(s->net);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	sh("ip link show n0 >/dev/null 2>&1 && ip link del n0 || true");
}

static void on_wake(uv_timer_t *t)
{
	(void)t;
}

/* Runs the loop until 'until' says yes; fails the test when it never does. */
static void run_until(struct scene *s, bool (*until)(struct scene *s))
{
	uint64_t end = uv_hrtime() + PATIENCE_MS * 1000000ull;
	uv_timer_t wake;

	uv_timer_init(&s->loop, &wake);
	uv_timer_start(&wake, on_wake, 20, 20);
	while (!until(s) && uv_hrtime() < end)
		uv_run(&s->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&wake, NULL);
	uv_run(&s->loop, UV_RUN_NOWAIT);
	assert_true(until(s));
}

static struct next_hop hop_to(const char *text)
{
	struct next_hop hop = { 0 };

	assert_int_equal(addr_parse(text, &hop.server), 0);
	return hop;
}

static bool mac_known(const struct next_hop *hop)
{
	static const unsigned char none[6];

	return memcmp(hop->dmac, none, sizeof(none)) != 0;
}

/* Addresses of interface n0 in a family; a link-local IPv6 address comes by itself, some seconds late. */
static size_t nr_addrs_of_n0(struct scene *s, int family)
{
	struct host_addr *arr = NULL;
	size_t nr = 0, found = 0;

	assert_int_equal(net_addrs_of(s->net, net_link_by_name(s->net, "n0")->ifindex, &arr, &nr), 0);
	for (size_t i = 0; i < nr; i++)
		found += arr[i].addr.family == family;
	free(arr);
	return found;
}

static bool neighbour_known(struct scene *s)
{
	struct next_hop hop = hop_to("10.9.8.2");
	uint32_t ifindex;

	return !net_resolve(s->net, &hop, &ifindex) && mac_known(&hop);
}

static void net_open__interface_with_address__both_known(void **state)
{
	struct scene *s = open_net(state);
	const struct net_link *link = net_link_by_name(s->net, "n0");
	struct host_addr *arr = NULL;
	size_t nr = 0;
	char text[ADDR_TEXT_MAX];

	assert_non_null(link);
	assert_true(link->up);
	assert_int_equal(link->mtu, 1500);
	assert_ptr_equal(link, net_link_by_index(s->net, link->ifindex));
	assert_null(net_link_by_name(s->net, "nope"));
	assert_int_equal(net_addrs_of(s->net, link->ifindex, &arr, &nr), 0);
	assert_int_equal(nr, 1);
	assert_string_equal(addr_format(&arr[0].addr, text), "10.9.8.1");
	assert_string_equal(arr[0].ifname, "n0");
	free(arr);
	assert_int_equal(s->events[NET_LINK_NEW] + s->events[NET_ADDR_CHANGED], 0);
	close_net(s);
}

static void net_resolve__neighbour_on_the_link__asked_for_and_found(void **state)
{
	struct scene *s = open_net(state);
	struct next_hop hop = hop_to("10.9.8.2");
	uint32_t ifindex = 0;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(net_resolve(s->net, &hop, &ifindex), 0);
	assert_int_equal(ifindex, net_link_by_name(s->net, "n0")->ifindex);
	assert_string_equal(addr_format(&hop.source, text), "10.9.8.1");
	assert_memory_equal(hop.smac, net_link_by_name(s->net, "n0")->mac, 6);
	assert_false(mac_known(&hop));
	run_until(s, neighbour_known);
	assert_int_not_equal(s->events[NET_NEIGH_CHANGED], 0);
	close_net(s);
}

static void net_resolve__through_a_router__mac_of_the_router(void **state)
{
	struct scene *s = open_net(state);
	struct next_hop hop = hop_to("172.31.5.5");
	uint32_t ifindex = 77;

	assert_int_not_equal(net_resolve(s->net, &hop, &ifindex), 0);
	assert_int_equal(ifindex, 77);
	sh("ip neigh replace 10.9.8.2 lladdr 02:00:00:00:00:42 dev n0 nud permanent && ip route add default via "
	   "10.9.8.2");
	assert_int_equal(net_refresh(s->net), 0);
	assert_int_equal(net_resolve(s->net, &hop, &ifindex), 0);
	assert_memory_equal(hop.dmac, "\x02\0\0\0\0\x42", 6);
	close_net(s);
}

static bool neighbour6_known(struct scene *s)
{
	struct next_hop hop = hop_to("fd00:9::2");
	uint32_t ifindex;

	return !net_resolve(s->net, &hop, &ifindex) && mac_known(&hop);
}

/* IPv6: neighbour discovery, a router, the MTU of the way; an address counts once it has been checked. */
static void net_resolve__ipv6__as_ipv4(void **state)
{
	struct scene *s = open_net(state);
	struct next_hop hop = hop_to("fd00:9::2");
	uint32_t ifindex = 0;
	char text[ADDR_TEXT_MAX];

	sh("ip addr add fd00:9::1/64 dev n0 nodad && nsenter --net=/proc/%d/ns/net ip addr add fd00:9::2/64 dev n1 "
	   "nodad && ip route add fd00:77::/64 via fd00:9::2 mtu 1400",
	   s->there);
	assert_int_equal(net_refresh(s->net), 0);
	assert_true(nr_addrs_of_n0(s, AF_INET6) >= 1);
	assert_int_equal(net_resolve(s->net, &hop, &ifindex), 0);
	assert_string_equal(addr_format(&hop.source, text), "fd00:9::1");
	assert_true(hop.on_link);
	assert_int_equal(hop.mtu, 1500);
	run_until(s, neighbour6_known);
	hop = hop_to("fd00:77::5");
	assert_int_equal(net_resolve(s->net, &hop, &ifindex), 0);
	assert_true(mac_known(&hop));
	assert_false(hop.on_link);
	assert_int_equal(hop.mtu, 1400);
	close_net(s);
}

static void net_forwards__by_interface_and_family__as_the_kernel_has_it(void **state)
{
	struct scene *s = open_net(state);

	sh("sysctl -qw net.ipv4.conf.n0.forwarding=1 net.ipv6.conf.n0.forwarding=0");
	assert_true(net_forwards("n0", AF_INET));
	assert_false(net_forwards("n0", AF_INET6));
	sh("sysctl -qw net.ipv4.conf.n0.forwarding=0 net.ipv6.conf.n0.forwarding=1");
	assert_false(net_forwards("n0", AF_INET));
	assert_true(net_forwards("n0", AF_INET6));
	assert_true(net_forwards("nope", AF_INET)); /* nothing to warn of */
	close_net(s);
}

static bool moved(struct scene *s)
{
	struct next_hop hop = hop_to("10.9.8.2");
	uint32_t ifindex;

	return !net_resolve(s->net, &hop, &ifindex) && !memcmp(hop.dmac, "\x02\0\0\0\0\x99", 6);
}

/* The server's address appears with another MAC and announces nothing: the daemon finds out by itself. */
static void net_resolve__server_moves_silently__new_mac_reported(void **state)
{
	struct scene *s = open_net(state);

	run_until(s, neighbour_known);
	/* Stale at once instead of after half a minute, so that the test does not wait for the kernel's timers. */
	sh("nsenter --net=/proc/%d/ns/net ip link set n1 address 02:00:00:00:00:99 && "
	   "ip neigh change 10.9.8.2 dev n0 nud stale",
	   s->there);
	s->events[NET_NEIGH_CHANGED] = 0;
	run_until(s, moved);
	assert_int_not_equal(s->events[NET_NEIGH_CHANGED], 0);
	close_net(s);
}

/* The same while the kernel still trusts the old address: it must be told to doubt. */
static void net_doubt__server_moves_silently__new_mac_reported(void **state)
{
	struct scene *s = open_net(state);
	struct next_hop hop = hop_to("10.9.8.2");

	sh("echo 50 >/proc/sys/net/ipv4/neigh/n0/retrans_time_ms");
	run_until(s, neighbour_known);
	sh("nsenter --net=/proc/%d/ns/net ip link set n1 address 02:00:00:00:00:99", s->there);
	s->events[NET_NEIGH_CHANGED] = 0;
	net_doubt(s->net, &hop.server);
	run_until(s, moved);
	assert_int_not_equal(s->events[NET_NEIGH_CHANGED], 0);
	close_net(s);
}

static bool addr_event(struct scene *s)
{
	return s->events[NET_ADDR_CHANGED] && s->events[NET_ROUTE_CHANGED];
}

static bool gone_event(struct scene *s)
{
	return s->events[NET_LINK_GONE] && s->events[NET_LINK_NEW];
}

static void net_events__address_then_device_goes__reported_by_name(void **state)
{
	struct scene *s = open_net(state);

	sh("ip addr add 10.9.8.77/24 dev n0");
	run_until(s, addr_event);
	assert_int_equal(nr_addrs_of_n0(s, AF_INET), 2);
	sh("ip link del n0 && ip link add n0 type veth peer name n2");
	run_until(s, gone_event);
	assert_string_equal(s->gone, "n0");
	assert_non_null(net_link_by_name(s->net, "n0"));
	close_net(s);
}

static bool two_addresses(struct scene *s)
{
	return nr_addrs_of_n0(s, AF_INET) == 2;
}

/* More announcements than the socket holds: the state is read again, and nothing is missing. */
static void net_events__socket_overrun__everything_read_again(void **state)
{
	struct scene *s = open_net(state);

	sh("for i in $(seq 10 50); do for r in $(seq 1 250); do "
	   "echo \"neigh replace 10.9.8.$r lladdr 02:00:00:00:$i:02 dev n0 nud permanent\"; done; done "
	   ">/tmp/xlb-batch.%d; "
	   "ip -batch /tmp/xlb-batch.%d; rm /tmp/xlb-batch.%d; ip addr add 10.9.8.99/24 dev n0",
	   getpid(), getpid(), getpid());
	run_until(s, two_addresses);
	close_net(s);
}

static bool no_diag; /* a kernel without sock_diag */

/* In place of the library's, which it calls. */
struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	struct mnl_socket *(*real)(int, int);

	if (no_diag && bus == NETLINK_SOCK_DIAG) {
		errno = EPROTONOSUPPORT;
		return NULL;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "mnl_socket_open2");
	return real(bus, flags);
}

static void expect_ports(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint64_t tcp[XLB_BUSY_WORDS] = { 0 }, udp[XLB_BUSY_WORDS] = { 0 };
	socklen_t len = sizeof(sin);
	struct port_range range = { 0, 0 };
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), u = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int tcp_port, udp_port;

	assert_int_equal(bind(l, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&sin, &len), 0);
	tcp_port = ntohs(sin.sin_port);
	sin.sin_port = 0;
	assert_int_equal(bind(u, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(u, (struct sockaddr *)&sin, &len), 0);
	udp_port = ntohs(sin.sin_port);
	assert_int_equal(net_busy_ports(tcp, udp), 0);
	assert_true(tcp[tcp_port / 64] >> (tcp_port % 64) & 1);
	assert_true(udp[udp_port / 64] >> (udp_port % 64) & 1);
	close(l);
	close(u);
	memset(tcp, 0, sizeof(tcp));
	memset(udp, 0, sizeof(udp));
	assert_int_equal(net_busy_ports(tcp, udp), 0);
	assert_false(tcp[tcp_port / 64] >> (tcp_port % 64) & 1);
	assert_int_equal(net_ephemeral_range(&range), 0);
	assert_true(range.lo >= 1 && range.lo <= range.hi);
}

static void net_ports__listeners_and_udp_sockets__marked(void **state)
{
	(void)state;
	expect_ports();
	no_diag = true;
	expect_ports();
	no_diag = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net_open__interface_with_address__both_known),
		cmocka_unit_test(net_resolve__neighbour_on_the_link__asked_for_and_found),
		cmocka_unit_test(net_resolve__through_a_router__mac_of_the_router),
		cmocka_unit_test(net_resolve__ipv6__as_ipv4),
		cmocka_unit_test(net_forwards__by_interface_and_family__as_the_kernel_has_it),
		cmocka_unit_test(net_resolve__server_moves_silently__new_mac_reported),
		cmocka_unit_test(net_doubt__server_moves_silently__new_mac_reported),
		cmocka_unit_test(net_events__address_then_device_goes__reported_by_name),
		cmocka_unit_test(net_events__socket_overrun__everything_read_again),
		cmocka_unit_test(net_ports__listeners_and_udp_sockets__marked),
	};

	return cmocka_run_group_tests(tests, enter_namespace, leave_namespace);
}
