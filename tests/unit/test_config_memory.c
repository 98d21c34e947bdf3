/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lack of memory at every allocation of a parse, one after the other: the parse either fails with -ENOMEM or gives the
 * whole model. A line that is lost unseen would change traffic.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../lib/config_case.h"
#include "config/conf.h"
#include "model/capability.h"

/* Allocations that still succeed; negative: all do. */
static long left = -1;
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t nr, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t nr, size_t size);
char *__wrap_strdup(const char *text);

static bool fails_now(void)
{
	if (left < 0 || left-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return fails_now() ? NULL : __real_calloc(nr, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails_now() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t nr, size_t size)
{
	return fails_now() ? NULL : __real_reallocarray(old, nr, size);
}

char *__wrap_strdup(const char *text)
{
	return fails_now() ? NULL : __real_strdup(text);
}

static const char text[] =
	"global\n log /dev/log local0\n stats socket /s user root group x\n node \"a${NOWHERE-b}\"\n description a b\n"
	"#@xlb attach eth0\n.if 1 && defined(X) || 1\n maxconn 5\n.endif\n"
	"defaults\n option httpchk GET /h HTTP/1.1\\r\\nHost:\\ w\n http-check send hdr Host v\n"
	"frontend f\n bind :80,1.2.3.4:81 name n interface lo\n mode http\n default_backend b\n"
	"frontend g\n mode http\n bind :82\n http-request deny\n default_backend b\n"
	"listen s\n mode http\n bind :83\n stats uri /x\n stats realm r\n stats auth a:b\n"
	"backend b\n server s 1.1.1.1:80/p check id 4\n server t 1.1.1.1:81 weight 3 source 1.2.3.4:5-6\n"
	"peers p\nfrontend r\n bind :90\n description x y\n"
	" stick-table type ip size 1k expire 1m store conn_rate(1s),gpc0 peers p\n"
	" acl a src 10.0.0.0/8 fd00::/8\n acl a dst_port 80 443 1000:2000\n"
	" tcp-request connection track-sc0 src\n"
	" tcp-request connection reject if a or { sc0_conn_rate gt 3 } !LOCALHOST\n"
	" use_backend c if { nbsrv(c) ge 1 }\n default_backend c\n"
	"backend c\n balance hash src,ipmask(24)\n stick on src table r\n server-state-file-name f\n"
	"#@xlb server s forward dnat\n server s 1.1.1.1:80\n";

/* Returns the parse's result, and the model as text when there is one. */
static int load(char **ret)
{
	struct conf_verdicts verdicts = { 0 };
	bool all[NR_CAPABILITIES];
	const struct conf_options opt = { .numeric = true, .can = all, .verdicts = &verdicts };
	struct diag_list diags;
	struct model *m = NULL;
	int err;

	memset(all, true, sizeof(all));
	diag_init(&diags);
	err = conf_load_text("t", text, sizeof(text) - 1, &opt, &diags, &m);
	left = -1;
	conf_verdicts_fini(&verdicts);
	*ret = m ? config_model_text(m) : NULL;
	model_free(m);
	diag_fini(&diags);
	return err;
}

static void conf_load_text__without_memory__all_or_nothing(void **state)
{
	char *whole, *got;
	bool done = false;
	long nr;
	int err;

	(void)state;
	assert_int_equal(load(&whole), 0);
	for (nr = 0; !done; nr++) {
		failed = false;
		left = nr;
		err = load(&got);
		done = !failed;
		if (got)
			assert_string_equal(got, whole);
		else
			assert_int_equal(err, -ENOMEM);
		free(got);
	}
	assert_true(nr > 50);
	free(whole);
}

static void conf_add_server__without_memory__added_or_not(void **state)
{
	static const char *const words[] = { "1.2.3.4:80", "check", "weight", "3", "source", "1.1.1.1:7-8" };
	bool done = false;
	struct diag_list diags;
	struct server *s;
	struct backend *b;
	struct model *m;
	long nr;
	int err;

	(void)state;
	for (nr = 0; !done; nr++) {
		m = model_new();
		b = m ? model_backend_add(m, "b") : NULL;
		assert_non_null(b);
		diag_init(&diags);
		s = NULL;
		failed = false;
		left = nr;
		err = conf_add_server(b, "x", words, 6, &diags, &s);
		left = -1;
		done = !failed;
		assert_int_equal(b->nr_servers, !err);
		assert_int_equal(!s, err != 0);
		assert_true(!err || err == -ENOMEM);
		diag_fini(&diags);
		model_free(m);
	}
	assert_true(nr > 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(conf_load_text__without_memory__all_or_nothing),
		cmocka_unit_test(conf_add_server__without_memory__added_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
