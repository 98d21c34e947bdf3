/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Log lines of the daemon: "level module: text". Only layers L5 and L5' call this above debug; lower layers return
 * errors and fill a struct diag_list. Never blocks: a line that the target does not take is dropped and counted.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

/* Values of syslog(3). */
enum log_level {
	LOG_L_EMERG,
	LOG_L_ALERT,
	LOG_L_CRIT,
	LOG_L_ERROR,
	LOG_L_WARNING,
	LOG_L_NOTICE,
	LOG_L_INFO,
	LOG_L_DEBUG
};

/* Lines above 'max' are dropped. Standard error is the target; "<N>" is put in front when it is the journal's. */
void log_init(enum log_level max);

void log_msg(enum log_level level, const char *module, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void log_vmsg(enum log_level level, const char *module, const char *fmt, va_list args);

/*
 * 'sink' is called with each line that passes the level, besides standard error: syslog targets, `show events`. At most
 * four, known by their 'arg'. A sink may not log.
 */
void log_add_sink(void (*sink)(void *arg, enum log_level level, const char *line), void *arg);
void log_remove_sink(const void *arg);

#endif
