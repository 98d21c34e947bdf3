/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the data plane and the daemon of this version really do, of all that the model can express.
 *
 * The one place for it: the configuration asks here whether a line is in force, and says so if it is not. Whoever makes
 * a row true changes its state to IN_FORCE and nothing else.
 */
#ifndef MODEL_CAPABILITY_H
#define MODEL_CAPABILITY_H

enum capability_state {
	CAN_IN_FORCE,
	CAN_REFUSED, /* not done, and traffic would go elsewhere: an error where xlb carries the traffic */
	CAN_WARNED,  /* not done, and traffic goes on without it: a warning */
	CAN_NOTED,   /* the same, of what stock files say: a note */
};

/* Rows: identifier, state, what is not available, what to do instead. */
#define CAPABILITIES(X)                                                                                                \
	X(IPV6, IN_FORCE, "IPv6", "use an IPv4 address")                                                               \
	X(FAMILIES_MIXED, REFUSED, "translation between IPv4 and IPv6",                                                \
	  "give bind, servers and 'source' addresses of one family")                                                   \
	X(FORWARD_DNAT, IN_FORCE, "'forward dnat'", "use 'forward fullnat': the servers see the balancer's address")   \
	X(FORWARD_L2DSR, IN_FORCE, "'forward l2dsr'", "use 'forward fullnat'")                                         \
	X(FORWARD_IPIP, IN_FORCE, "'forward ipip'", "use 'forward fullnat'")                                           \
	X(FORWARD_BY_SERVER, IN_FORCE, "a way of forwarding of its own for one server",                                \
	  "give all servers of the backend the same")                                                                  \
	X(LEASTCONN, IN_FORCE, "'balance leastconn'", "use 'balance roundrobin'")                                      \
	X(SOURCE_HASH, IN_FORCE, "'balance source'", "use 'balance roundrobin'")                                       \
	X(HASH, IN_FORCE, "'balance hash'", "use 'balance roundrobin'")                                                \
	X(MAGLEV, IN_FORCE, "'hash-type consistent'", "remove it, or use 'balance roundrobin'")                        \
	X(RANDOM, IN_FORCE, "'balance random'", "use 'balance roundrobin'")                                            \
	X(FIRST, IN_FORCE, "'balance first'", "use 'balance roundrobin'")                                              \
	X(HASH_BALANCE_FACTOR, WARNED, "'hash-balance-factor'", "no server is passed over for its load")               \
	X(STICK, IN_FORCE, "persistence by 'stick'", "remove it: a connection stays at its server, a client need not") \
	X(RULES, IN_FORCE, "'tcp-request connection' and 'tcp-request session'", "filter by nftables in front")        \
	X(ROUTES, IN_FORCE, "'use_backend' with a condition", "give each backend a frontend of its own")               \
	X(TRACK, IN_FORCE, "counting connections per client", "limit by nftables in front")                            \
	X(SERVER_MAXCONN, IN_FORCE, "'maxconn' of a server", "the number of its connections is not limited")           \
	X(FRONTEND_MAXCONN, IN_FORCE, "'maxconn' of a frontend",                                                       \
	  "it is shown as the limit, but the number of connections is not limited")                                    \
	X(BIND_MAXCONN, WARNED, "'maxconn' of one address or port among several",                                      \
	  "connections are counted by frontend: give it a frontend of its own, or limit all of them by a line "        \
	  "'maxconn'")                                                                                                 \
	X(RATE_LIMIT, IN_FORCE, "'rate-limit sessions'", "remove it, or limit by nftables in front")                   \
	X(OBSERVE, IN_FORCE, "'observe'", "a server's state follows its check alone, for traffic is not watched yet")  \
	X(SLOWSTART, IN_FORCE, "'slowstart'", "a server that comes back has its full weight at once")                  \
	X(MARKED_DOWN, IN_FORCE, "'on-marked-down shutdown-sessions'",                                                 \
	  "remove it: connections to a failed server end by their own timeouts")                                       \
	X(MARKED_UP, IN_FORCE, "'on-marked-up shutdown-backup-sessions'",                                              \
	  "remove it: connections to a backup server go on until they end")                                            \
	X(PORT_OFFSET, IN_FORCE, "a port relative to the client's", "give the server a port of its own")               \
	X(MAC, IN_FORCE, "the MAC address of a server by hand", "remove it: the neighbour is asked for it")            \
	X(NO_BACKEND, IN_FORCE, "'no-backend'", "remove it: a connection without server is refused by reset or ICMP")  \
	X(NO_BACKEND_ICMP, IN_FORCE, "an ICMP error, and no reset, for TCP",                                           \
	  "use 'no-backend drop', or remove it: TCP is refused by reset, UDP by ICMP")                                 \
	X(NO_BACKEND_SPLIT, IN_FORCE, "a reset for TCP and silence for UDP in one frontend",                           \
	  "give UDP a frontend of its own, with 'no-backend drop'")                                                    \
	X(FALLBACK_LOCAL, IN_FORCE, "'fallback local'", "remove it: a connection without server is refused")           \
	X(REDISPATCH, IN_FORCE, "'option redispatch'",                                                                 \
	  "a client that repeats its SYN gets the same server, while the flow lasts")                                  \
	X(MSS, IN_FORCE, "'mss' of a bind line", "the segment size is left to the two ends")                           \
	X(CHECK_VIA_PATH, IN_FORCE, "'check via-path'", "remove it: checks go to the server's own address")            \
	X(ANY_PORT, IN_FORCE, "a bind of every port", "name the ports, or smaller ranges of them")                     \
	X(STATS_ADMIN, WARNED, "'stats admin'",                                                                        \
	  "the stats page is read-only: use 'xlbctl server' or the control socket")                                    \
	X(STATS_SCOPE, WARNED, "'stats scope'", "the page shows everything")                                           \
	X(STATS_USERS, WARNED, "a second 'stats auth'", "only the last user is known to the page")                     \
	X(STATS_LOOK, NOTED, "what the page shows and hides", "the page looks the same for all")                       \
	X(SOCKET_STATS, IN_FORCE, "'option socket-stats'", "'show stat' has no rows for bind lines")                   \
	X(LOG_HEALTH_CHECKS, IN_FORCE, "'option log-health-checks'", "only changes of a server's state are logged")    \
	X(LOG_TAG, IN_FORCE, "'log-tag' and 'log-send-hostname'", "log lines carry the name xlb")                      \
	X(MAX_SPREAD_CHECKS, IN_FORCE, "'max-spread-checks'", "'spread-checks' alone counts")                          \
	X(STATE_FILE, IN_FORCE, "'load-server-state-from-file'",                                                       \
	  "servers keep their state over a restart through the data plane, which is adopted")

enum capability {
#define X(ident, state, what, hint) CAN_##ident,
	CAPABILITIES(X)
#undef X
		NR_CAPABILITIES
};

struct capability_row {
	enum capability_state state;
	const char *what; /* the subject of "... is not available in this version" */
	const char *hint;
};

extern const struct capability_row capabilities[NR_CAPABILITIES];

#endif
