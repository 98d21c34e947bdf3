/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `show servers state` and `show servers conn`: one line per server, in the layouts of HAProxy.
 *
 * The first is the format of HAProxy's server-state file, version 1: either program may read what the other has
 * written. Fields that have no meaning here hold what HAProxy writes when the feature is not used.
 */
#include <string.h>

#include "protocol/command.h"

static const char state_header[] =
	"# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
	"srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
	"bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
	"srv_agent_addr srv_agent_port\n";

/* Bits of srv_check_state. Paused: by maintenance, also when the file begins with it. */
enum { STATE_INPROGRESS = 1, STATE_CONFIGURED = 2, STATE_ENABLED = 4, STATE_PAUSED = 8, STATE_AGENT = 16 };
/* srv_check_result */
enum { RESULT_UNKNOWN, RESULT_NEUTRAL, RESULT_FAILED, RESULT_PASSED, RESULT_CONDPASS };

/* HAProxy's number of a check status; it has entries between ours that no check of ours ends with. */
static int status_number(enum check_code code)
{
	switch (code) {
	case CHECK_UNKNOWN:
		return 0;
	case CHECK_INI:
		return 1;
	case CHECK_CHECKED:
		return 3;
	case CHECK_HANA:
		return 4;
	case CHECK_LACKING:
	case CHECK_SOCKERR:
		return 5;
	case CHECK_L4OK:
		return 6;
	case CHECK_L4TOUT:
		return 7;
	case CHECK_L4CON:
		return 8;
	case CHECK_L6OK:
		return 9;
	case CHECK_L6TOUT:
		return 10;
	case CHECK_L6RSP:
		return 11;
	case CHECK_L7TOUT:
		return 12;
	case CHECK_L7RSP:
		return 13;
	case CHECK_L7OK:
		return 15;
	case CHECK_L7OKC:
		return 16;
	case CHECK_L7STS:
		return 17;
	case CHECK_PROCERR:
		return 18;
	case CHECK_PROCTOUT:
		return 19;
	case CHECK_PROCOK:
		return 20;
	case CHECK_NR_CODES:
		break;
	}
	return 0;
}

enum check_code runtime_check_code(unsigned int number)
{
	for (unsigned int code = 0; code < CHECK_NR_CODES; code++)
		if (status_number((enum check_code)code) == (int)number)
			return (enum check_code)code;
	return CHECK_UNKNOWN;
}

static int result_number(enum check_code code)
{
	if (code == CHECK_UNKNOWN || code == CHECK_INI || code == CHECK_LACKING)
		return RESULT_UNKNOWN;
	if (code == CHECK_L7OKC)
		return RESULT_CONDPASS;
	return check_code_passes(code) ? RESULT_PASSED : RESULT_FAILED;
}

static unsigned int check_state_bits(const struct server *s)
{
	unsigned int bits = 0;

	if (s->check.type != CHECK_NONE)
		bits |= STATE_CONFIGURED;
	if (s->run.check_enabled)
		bits |= STATE_ENABLED;
	if (s->run.check_running)
		bits |= STATE_INPROGRESS;
	if (s->run.check_enabled ? s->run.admin & SERVER_MAINT : s->disabled)
		bits |= STATE_PAUSED;
	return bits;
}

static unsigned int agent_state_bits(const struct server *s)
{
	if (s->agent.type == CHECK_NONE)
		return 0;
	return STATE_AGENT | STATE_CONFIGURED | (s->run.agent_enabled ? STATE_ENABLED : 0) |
	       (s->run.agent_running ? STATE_INPROGRESS : 0);
}

/*
 * In HAProxy CMAINT only tells that the file disables the server: it is in maintenance by FMAINT, and out of it, with
 * CMAINT still there, after `enable server`.
 */
static unsigned int admin_bits(const struct server *s)
{
	unsigned int bits = s->run.admin;

	if (bits & SERVER_CMAINT)
		bits |= SERVER_FMAINT;
	return s->disabled ? bits | SERVER_CMAINT : bits;
}

/* HAProxy shows no health of a server in maintenance. */
static int shown_health(const struct server *s)
{
	return s->run.admin & SERVER_MAINT ? 0 : s->run.check.health;
}

/* srv_op_state: HAProxy calls NOLB stopping. */
enum { OP_STOPPED, OP_STARTING, OP_RUNNING, OP_STOPPING };

static int op_state(const struct server *s)
{
	if (s->run.admin & SERVER_MAINT || !server_is_up(s))
		return OP_STOPPED;
	return server_is_nolb(s) ? OP_STOPPING : OP_RUNNING;
}

static void print_state(struct call *c, const struct backend *b, const struct server *s, uint64_t now_ms)
{
	char addr[ADDR_TEXT_MAX], check_addr[ADDR_TEXT_MAX], agent_addr[ADDR_TEXT_MAX];

	buf_printf(c->out, "%u %s %u %s %s %d %u %u %u %llu %d %d %d %u %u 0 %d %s %u - 0 %u %s %s %u\n", b->id,
		   b->name, s->id, s->name, addr_format(&s->addr, addr), op_state(s), admin_bits(s), s->run.weight,
		   s->weight, (unsigned long long)(now_ms - s->run.last_change_ms) / 1000,
		   status_number(s->run.check.code), result_number(s->run.check.code), shown_health(s),
		   check_state_bits(s), agent_state_bits(s), s->id_forced, s->host ? s->host : "-", s->port,
		   s->check.port, addr_format(&s->check.addr, check_addr), addr_format(&s->agent.addr, agent_addr),
		   s->agent.port);
}

/* Idle connections to servers, most of this table, do not exist here: only the flows in use are counted. */
static void print_conn(struct call *c, const struct backend *b, const struct server *s)
{
	struct runtime_counters n = { 0 };
	char addr[ADDR_TEXT_MAX];

	c->host->server_counters(c->arg, s, &n);
	buf_printf(c->out, "%s/%s %u/%u %s %u - 0 %u %u 0 0 0 -1 0 0\n", b->name, s->name, b->id, s->id,
		   addr_format(&s->addr, addr), s->port, n.active, n.active_max);
}

/* The backend that word 3 names, NULL for all. Returns false after having said that there is none. */
static bool wanted_backend(struct call *c, struct backend **ret)
{
	*ret = NULL;
	if (!c->argv[3][0])
		return true;
	*ret = backend_by_name(c->model, c->argv[3]);
	if (!*ret)
		call_say(c, CALL_ERROR, "Can't find backend.\n");
	return *ret;
}

void run_show_servers_state(struct call *c)
{
	uint64_t now = c->host->now_ms(c->arg);
	const struct backend *b;
	const struct server *s;
	struct backend *only;

	if (!wanted_backend(c, &only))
		return;
	buf_printf(c->out, "1\n%s", state_header);
	TAILQ_FOREACH(b, &c->model->backends, next) {
		if (only && b != only)
			continue;
		TAILQ_FOREACH(s, &b->servers, next)
			print_state(c, b, s, now);
	}
}

void run_show_servers_conn(struct call *c)
{
	const struct backend *b;
	const struct server *s;
	struct backend *only;

	if (!wanted_backend(c, &only))
		return;
	buf_puts(c->out, "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb "
			 "safe_nb idle_lim idle_cur idle_per_thr[1]\n");
	TAILQ_FOREACH(b, &c->model->backends, next) {
		if (only && b != only)
			continue;
		TAILQ_FOREACH(s, &b->servers, next)
			print_conn(c, b, s);
	}
}

static void add_target(struct buf *out, const char *what, const struct server *s, const struct check_target *configured,
		       const struct check_target *present)
{
	char was[ADDR_TEXT_MAX], is[ADDR_TEXT_MAX];

	if (addr_equal(&configured->addr, &present->addr) && configured->port == present->port)
		return;
	buf_printf(out, "#@xlb %s %s %s %s %u %s %u\n", what, s->backend->name, s->name,
		   addr_format(&configured->addr, was), configured->port, addr_format(&present->addr, is),
		   present->port);
}

/* What a command has changed: in HAProxy's columns only the present stands, or nothing. */
static void add_changes(const struct server *s, struct buf *out)
{
	struct check_target configured = { s->addr_configured, s->port_configured }, present = { s->addr, s->port };
	struct check_target check = { s->check.addr, s->check.port }, agent = { s->agent.addr, s->agent.port };

	if (present.addr.family && configured.addr.family)
		add_target(out, "addr", s, &configured, &present);
	add_target(out, "check", s, &s->configured.check, &check);
	add_target(out, "agent", s, &s->configured.agent, &agent);
	if (s->maxconn != s->configured.maxconn)
		buf_printf(out, "#@xlb maxconn %s %s %u %u\n", s->backend->name, s->name, s->configured.maxconn,
			   s->maxconn);
}

/* Of a frontend that was shut down nothing is kept: a restart brings it back, as a reload does. */
static void add_frontend_changes(const struct frontend *f, struct buf *out)
{
	static const char *const words[] = { "enabled", "disabled" };

	if (f->disabled != f->disabled_configured && !f->stopped)
		buf_printf(out, "#@xlb frontend %s %s %s\n", f->name, words[f->disabled_configured],
			   words[f->disabled]);
	if (f->maxconn != f->maxconn_configured)
		buf_printf(out, "#@xlb frontend-maxconn %s %u %u\n", f->name, f->maxconn_configured, f->maxconn);
}

struct acl_writer {
	struct buf *out;
	const char *name;
};

static void add_acl_change(void *arg, const struct acl_set *of, size_t i, bool added)
{
	const struct acl_writer *w = arg;
	char text[ACL_PATTERN_MAX];

	buf_printf(w->out, "#@xlb acl %s %c %s\n", w->name, added ? '+' : '-', acl_set_text(of, i, text));
}

/* Patterns that commands have added to what the files say, or removed from it. */
static void add_acl_changes(const struct acl_set *set, struct buf *out)
{
	char name[ACL_SET_NAME_MAX];
	struct acl_writer w = { out, acl_set_name(set, name) };

	if (acl_set_changes(set, add_acl_change, &w))
		out->failed = true;
}

void runtime_state_text(const struct runtime_host *host, void *arg, struct buf *out)
{
	static const char command[] = "show servers state";
	struct runtime_session session = { .host = host, .host_arg = arg, .level = ACCESS_ADMIN };
	const struct acl_set *set;
	const struct frontend *f;
	const struct backend *b;
	const struct server *s;

	runtime_line(&session, command, sizeof(command) - 1, out);
	while (runtime_is_busy(&session))
		runtime_resume(&session, out);
	runtime_session_fini(&session);
	TAILQ_FOREACH(b, &host->model(arg)->backends, next)
		TAILQ_FOREACH(s, &b->servers, next)
			add_changes(s, out);
	TAILQ_FOREACH(f, &host->model(arg)->frontends, next)
		add_frontend_changes(f, out);
	TAILQ_FOREACH(set, &host->model(arg)->acl_sets, next)
		if (set->base)
			add_acl_changes(set, out);
}
