/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Codes of diagnostics: one row per kind of message, constant for ever, so that a search for a code finds its answer.
 *
 * Rows: identifier, code, what it means and what to do. The numbers go by subject: 00 files, 01 lines and words,
 * 02 values, 03 names and places, 04 what a packet balancer cannot or does not yet do, 05 notes on what was understood.
 */
#ifndef BASE_CODES_H
#define BASE_CODES_H

#define DIAG_CODES(X)                                                                                                  \
	X(FILE_OPEN, "C0001", "A file or directory of the configuration cannot be read. Check its name and rights.")   \
	X(FILE_EMPTY, "C0002",                                                                                         \
	  "The file, directory or whole configuration holds no section. Check which file was meant.")                  \
	X(FILE_BINARY, "C0003", "The file holds NUL bytes, so it is not a text file. Check which file was meant.")     \
	X(FILE_SIZE, "C0004", "The file is larger than any configuration (64 MiB). Check which file was meant.")       \
	X(SYNTAX, "C0101", "A line cannot be split into words: a quote, brace or escape is not complete.")             \
	X(KEYWORD, "C0102", "The word is no keyword of this section. Check its spelling.")                             \
	X(NO_SECTION, "C0103",                                                                                         \
	  "A line stands in front of the first section of its file. Begin with global, defaults, frontend, backend "   \
	  "or listen.")                                                                                                \
	X(WRONG_SECTION, "C0104", "The keyword exists but not in this kind of section. Move the line.")                \
	X(MISSING_ARG, "C0105", "The keyword needs more words after it.")                                              \
	X(EXTRA_ARG, "C0106",                                                                                          \
	  "There are words after the last one that the keyword understands. Remove them, or put '#' in front.")        \
	X(NO_PREFIX, "C0107", "'no' and 'default' are only understood in front of options and 'log'.")                 \
	X(CONDITION, "C0108",                                                                                          \
	  "A .if, .elif, .else or .endif is incomplete, misplaced, or asks what is not known here.")                   \
	X(PRAGMA, "C0109", "A '#@xlb' line is not understood. Such lines are comments to HAProxy but count here.")     \
	X(MESSAGE, "C0110", "The message was written into the configuration with .notice, .warning, .alert or .diag.") \
	X(NUMBER, "C0201", "A number was expected here, in the range that the message names.")                         \
	X(TIME, "C0202", "A time was expected here: a number and one of us ms s m h d, at most 24 days.")              \
	X(ADDRESS, "C0203", "An address was expected here, or its host name is not known to the resolver.")            \
	X(PORT, "C0204", "A port or a range of ports was expected here.")                                              \
	X(WORD, "C0205", "One of a few known words was expected here.")                                                \
	X(NAME, "C0206", "A name may have letters, digits and the characters - _ . : only.")                           \
	X(PATTERN, "C0207", "A regular expression (of PCRE) was expected here, and this is none.")                     \
	X(ACL_PATTERN, "C0208",                                                                                        \
	  "A condition has no pattern, or one that is no address, network, number or range of numbers.")               \
	X(DUPLICATE, "C0301", "The same name was given twice. Rename or remove one of the two.")                       \
	X(UNKNOWN_NAME, "C0302", "No section of that name exists. Check its spelling.")                                \
	X(BIND_TWICE, "C0303", "Two frontends want the same address and port. A packet can only go to one of them.")   \
	X(CHECK_PORT, "C0304",                                                                                         \
	  "A server has a check but no port to send it to. Add a port to the address, or 'port N'.")                   \
	X(NO_BACKEND, "C0305",                                                                                         \
	  "A frontend has no backend, so that its connections are refused. Add 'default_backend'.")                    \
	X(NO_BIND, "C0306", "A frontend has no 'bind' line, so that no packet reaches it.")                            \
	X(MODES_DIFFER, "C0307",                                                                                       \
	  "Frontend and backend differ in 'mode'. Here both are layer 4, but HAProxy refuses the file.")               \
	X(FORWARD_PORT, "C0308",                                                                                       \
	  "The way of forwarding keeps the port, but a server's port differs from the one that is bound. Use "         \
	  "'forward fullnat' or 'dnat', or give both the same port.")                                                  \
	X(FAMILY, "C0309",                                                                                             \
	  "IPv4 and IPv6 meet where the way of forwarding cannot translate. Give bind, server and source addresses "   \
	  "of one family.")                                                                                            \
	X(NO_TABLE, "C0310", "A rule needs a 'stick-table' that does not exist or has another type of key.")           \
	X(CHECK_TLS, "C0311",                                                                                          \
	  "A check uses TLS, and the certificates to trust are not given or cannot be read. Add 'ca-file', or "        \
	  "'verify none' where anyone may answer.")                                                                    \
	X(TRACK, "C0312",                                                                                              \
	  "'track' and 'observe' need a check: of the server that is tracked, or that is observed; and a server that " \
	  "tracks another has none of its own.")                                                                       \
	X(TOO_MANY, "C0313",                                                                                           \
	  "The rules of a frontend use more acls or have more conditions than a packet can be asked about. Join "      \
	  "lines "                                                                                                     \
	  "of one name, or put addresses into a file.")                                                                \
	X(COUNTER_TWICE, "C0314",                                                                                      \
	  "One of the counters sc0, sc1, sc2 tracks in two tables, or once by source and once by destination. A flow " \
	  "remembers that a counter follows it, not where: use another counter.")                                      \
	X(EXTERNAL, "C0320",                                                                                           \
	  "Checks run a program only where section global has 'external-check', and 'external-check command' names "   \
	  "one that can be run.")                                                                                      \
	X(LEFT_TO_STACK, "C0401",                                                                                      \
	  "The frontend needs a proxy. Its packets pass untouched, so that a HAProxy on this host serves them.")       \
	X(NOT_YET, "C0402", "The word is understood, but this version of xlb cannot do what it says.")                 \
	X(NOT_ENFORCED, "C0403", "The word is understood but not enforced; traffic goes on without it.")               \
	X(MODE_HTTP, "C0404",                                                                                          \
	  "'mode http' without rules for requests is balanced at layer 4: connections, not requests, and no header "   \
	  "is added.")                                                                                                 \
	X(FORWARDFOR, "C0405",                                                                                         \
	  "No header can be added to packets, so the servers do not learn the client's address from one.")             \
	X(UNUSED, "C0406", "The backend needs a proxy and is left out, with the frontends that use it.")               \
	X(IGNORED, "C0501", "These words have no meaning for a packet balancer and change nothing.")                   \
	X(PATH_CHECK, "C0502", "A path after a server's port is taken as the path of an HTTP check.")                  \
	X(BALANCE, "C0503", "Without 'balance' the servers are taken in turn.")                                        \
	X(IGNORED_HERE, "C0504", "The line has no effect in this kind of section, in HAProxy as here.")                \
	X(STATS, "C0505", "What the words of 'stats' mean to the page that xlbd serves itself.")                       \
	X(CHECK_WORDS, "C0506",                                                                                        \
	  "Of a server that answers clients directly: a check connects to the balanced address, in the way of "        \
	  "traffic, and goes on at the server's own address, where the service must listen as well.")

/* The code's text for diag_add(): CODE_KEYWORD is "C0102". */
enum diag_code {
#define X(ident, code, help) CODE_##ident,
	DIAG_CODES(X)
#undef X
		NR_DIAG_CODES
};

const char *code_name(enum diag_code code);

/* The explanation of a code such as "C0102", or NULL. */
const char *code_explain(const char *name);

#endif
