/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Given to cppcheck, which reads no system headers: <sys/queue.h>'s head without a name is a syntax error to it. */
#define TAILQ_HEAD(name, type)                                                                                         \
	struct name {                                                                                                  \
		struct type *tqh_first;                                                                                \
		struct type **tqh_last;                                                                                \
	}
