/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * '#@xlb check via-path': does a server take connections to the balanced address, when they come as traffic does - by
 * its MAC address or in a tunnel? It proves that the server has the address and unpacks tunnels, which a connection to
 * its own address does not.
 *
 * The balancer's own stack cannot ask: the balanced address is local to it. So a SYN is sent as a frame, from another
 * address of the balancer, and the answer, which comes from the balanced address, is read off the link; the stack
 * drops it as coming from itself. The server's half-open connection ends by a reset. One source port, which a socket
 * holds, serves all checks: answers are told apart by the sequence number that they acknowledge. What is not answered
 * is sent again until the deadline, as a stack would do; a next hop that is not known yet is waited for in the same
 * way. A check that does more than connect goes on at the server's own address, by a socket: a stack to speak with
 * through the path there is none. The packet sockets stay open, because closing one makes the kernel wait for all CPUs.
 */
#include "health/via.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <unistd.h>

#include "health/frame.h"
#include "health/probe.h"

enum { NR_FAMILIES = 2, READS_PER_TURN = 64, AGAIN_MS = 500 };

struct via_question {
	LIST_ENTRY(via_question) next;
	struct health_probe *probe;
	struct health_path path;
	uint32_t seq;
};

LIST_HEAD(via_questions, via_question);

/* A packet socket and its handle, which outlives the rest by a turn of the loop. */
struct via_socket {
	uv_poll_t poll;
	struct via *via;
	int fd;
};

struct via {
	uv_timer_t again;			 /* runs while there are questions */
	struct via_socket *sockets[NR_FAMILIES]; /* of IPv4 and IPv6 */
	struct via_questions questions;
	int port_fd;
	uint16_t port;
};

static int index_of(int family)
{
	return family == AF_INET6;
}

/* 0 or -errno. */
static int send_segment(struct via *v, const struct via_question *q, uint8_t flags, uint32_t seq)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = q->path.ifindex, .sll_halen = ETH_ALEN };
	unsigned char buf[FRAME_MAX];
	int family;
	size_t len = frame_tcp(&q->path, flags, seq, buf, &family);

	memcpy(to.sll_addr, q->path.mac, ETH_ALEN);
	to.sll_protocol = htons(family == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP);
	if (sendto(v->sockets[index_of(family)]->fd, buf, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

static void abandon(struct health_probe *p)
{
	struct via_question *q = p->question;

	p->question = NULL;
	LIST_REMOVE(q, next);
	free(q);
}

static void late(struct health_probe *p, struct script_result *ret)
{
	(void)p;
	*ret = (struct script_result){ .code = CHECK_L4TOUT };
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* Which question it answers, or NULL. */
static struct via_question *question_of(const struct via *v, const struct frame_answer *a)
{
	struct via_question *q;

	LIST_FOREACH(q, &v->questions, next)
		if (a->ack == q->seq + 1 && a->from_port == q->path.vip_port && addr_equal(&a->from, &q->path.vip))
			return q;
	return NULL;
}

static void take(struct via *v, const struct frame_answer *a)
{
	struct via_question *q = question_of(v, a);
	struct health_probe *p;
	bool accepted = (a->flags & (TH_SYN | TH_ACK | TH_RST)) == (TH_SYN | TH_ACK);

	if (!q || (!accepted && !(a->flags & TH_RST)))
		return;
	p = q->probe;
	if (accepted)
		(void)send_segment(v, q, TH_RST, q->seq + 1); /* else the server's own timer ends what it began */
	abandon(p);
	if (accepted && check_speaks(&p->conf))
		probe_own_address(p);
	else if (accepted)
		probe_done(p, CHECK_L4OK, 0, NULL);
	else
		probe_done(p, CHECK_L4CON, 0, strerror(ECONNREFUSED));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct via_socket *s = poll->data;
	unsigned char buf[FRAME_MAX];
	struct frame_answer a;
	ssize_t len;

	(void)status;
	(void)events;
	for (int i = 0; i < READS_PER_TURN; i++) {
		len = recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (len < 0)
			return;
		if (frame_read(buf, (size_t)len, &a) && a.to_port == s->via->port)
			take(s->via, &a);
	}
}

/* --- sockets ----------------------------------------------------------------------------------------------------- */

/* Segments to the port alone: the link's other packets shall not wake the daemon. Offsets count from the IP header. */
static int attach_filter(int fd, bool v6, uint16_t port)
{
	struct sock_filter ip4[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 4),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FRAME_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter ip6[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 42), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FRAME_MAX),	BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = sizeof(ip4) / sizeof(ip4[0]), .filter = ip4 };

	if (v6)
		prog = (struct sock_fprog){ .len = sizeof(ip6) / sizeof(ip6[0]), .filter = ip6 };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int socket_open(struct via *v, uv_loop_t *loop, bool v6)
{
	struct via_socket *s = calloc(1, sizeof(*s));
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(v6 ? ETH_P_IPV6 : ETH_P_IP) };
	int err;

	if (!s)
		return -ENOMEM;
	s->via = v;
	/* Protocol 0: nothing arrives before the filter is there. */
	s->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	err = s->fd < 0 ? -errno : attach_filter(s->fd, v6, v->port);
	if (!err && bind(s->fd, (struct sockaddr *)&link, sizeof(link)))
		err = -errno;
	if (!err)
		err = uv_poll_init(loop, &s->poll, s->fd);
	if (err) {
		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return err;
	}
	s->poll.data = s;
	v->sockets[v6] = s;
	return uv_poll_start(&s->poll, UV_READABLE, on_readable);
}

/* A port of the host's own range, which no source port of a balanced flow is from. */
static int hold_port(struct via *v)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(any);

	v->port_fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (v->port_fd < 0 || bind(v->port_fd, (struct sockaddr *)&any, len) ||
	    getsockname(v->port_fd, (struct sockaddr *)&any, &len))
		return -errno;
	v->port = ntohs(any.sin6_port);
	return 0;
}

static void on_via_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void via_free(struct via *v)
{
	if (!v)
		return;
	for (int i = 0; i < NR_FAMILIES; i++) {
		if (!v->sockets[i])
			continue;
		uv_poll_stop(&v->sockets[i]->poll);
		close(v->sockets[i]->fd);
		uv_close((uv_handle_t *)&v->sockets[i]->poll, on_closed);
	}
	if (v->port_fd >= 0)
		close(v->port_fd);
	uv_close((uv_handle_t *)&v->again, on_via_closed);
}

static int via_new(uv_loop_t *loop, struct via **ret)
{
	struct via *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->port_fd = -1;
	uv_timer_init(loop, &v->again); /* cannot fail */
	v->again.data = v;
	LIST_INIT(&v->questions);
	err = hold_port(v);
	if (!err)
		err = socket_open(v, loop, false);
	if (!err)
		err = socket_open(v, loop, true);
	if (err) {
		via_free(v);
		return err;
	}
	*ret = v;
	return 0;
}

/* --- beginning --------------------------------------------------------------------------------------------------- */

/* Sends the question by the path as it is now. 0, also while the next hop is not known; -errno. */
static int ask(struct via_question *q)
{
	struct health_probe *p = q->probe;
	struct via *v = p->health->via;
	int err;

	memset(&q->path, 0, sizeof(q->path));
	q->path.vip = p->conf.via;
	q->path.vip_port = (uint16_t)p->conf.via_port;
	q->path.source_port = v->port;
	err = p->ops->path ? p->ops->path(p->arg, &q->path) : -EINVAL;
	if (!err)
		err = send_segment(v, q, TH_SYN, q->seq);
	return err == -EHOSTUNREACH ? 0 : err;
}

/* What fails here is told by the deadline. */
static void on_again(uv_timer_t *timer)
{
	struct via *v = timer->data;
	struct via_question *q;

	LIST_FOREACH(q, &v->questions, next)
		(void)ask(q);
	if (LIST_EMPTY(&v->questions))
		uv_timer_stop(timer);
}

static bool begin(struct health_probe *p, struct health_result *ret)
{
	struct via_question *q = calloc(1, sizeof(*q));
	int err = q ? 0 : -ENOMEM;
	struct via *v;

	if (!err && !p->health->via)
		err = via_new(p->health->loop, &p->health->via);
	if (!err && getrandom(&q->seq, sizeof(q->seq), 0) < 0)
		err = -errno;
	if (!err) {
		q->probe = p;
		err = ask(q);
	}
	if (err == -EADDRNOTAVAIL && p->conf.via_may_fail) {
		free(q);
		probe_own_address(p);
		return true;
	}
	if (err) {
		free(q);
		*ret = (struct health_result){ .code = probe_connect_code(-err), .desc = strerror(-err) };
		return false;
	}
	v = p->health->via;
	p->question = q;
	LIST_INSERT_HEAD(&v->questions, q, next);
	if (!uv_is_active((uv_handle_t *)&v->again))
		uv_timer_start(&v->again, on_again, AGAIN_MS, AGAIN_MS);
	return true;
}

const struct probe_method probe_via = { .begin = begin, .abandon = abandon, .late = late };
