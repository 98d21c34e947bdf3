/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of TLS that 'bind' and 'server' share: without 'ssl' they change nothing. For tables of struct param. */
#ifndef CONFIG_TLS_WORDS_H
#define CONFIG_TLS_WORDS_H

#define PARAM_TLS(word, nr_args) PARAM(word, nr_args, KW_IGNORED, NULL, "it counts with 'ssl' only")

/* clang-format off */
#define PARAMS_TLS_SHARED                                                                                              \
	PARAM_TLS("crt", 1), PARAM_TLS("crl-file", 1),                                                                 \
	PARAM_TLS("ciphers", 1), PARAM_TLS("ciphersuites", 1), PARAM_TLS("curves", 1),                                 \
	PARAM_TLS("alpn", 1), PARAM_TLS("npn", 1),                                                                     \
	PARAM_TLS("allow-0rtt", 0), PARAM_TLS("no-tls-tickets", 0),                                                    \
	PARAM_TLS("ssl-min-ver", 1), PARAM_TLS("ssl-max-ver", 1),                                                      \
	PARAM_TLS("force-sslv3", 0), PARAM_TLS("no-sslv3", 0),                                                         \
	PARAM_TLS("force-tlsv10", 0), PARAM_TLS("no-tlsv10", 0),                                                       \
	PARAM_TLS("force-tlsv11", 0), PARAM_TLS("no-tlsv11", 0),                                                       \
	PARAM_TLS("force-tlsv12", 0), PARAM_TLS("no-tlsv12", 0),                                                       \
	PARAM_TLS("force-tlsv13", 0), PARAM_TLS("no-tlsv13", 0)
/* clang-format on */

#endif
