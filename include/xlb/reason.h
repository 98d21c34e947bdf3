/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every packet gets exactly one of these reasons, and the sum over all of them is the number of packets received.
 *
 * The list exists once. Names, texts, the verdict that goes with a reason, `xlbctl explain` and the manual are made
 * from it. To add a reason, add a row (before the end, so that numbers stay) and return it from a stage.
 *
 * X(NAME, VERDICT, EXPECTED, "what happened", "what to look at when the number is not what you expect")
 * VERDICT  PASS  to the host's stack, bit for bit untouched
 *          SEND  out again, by the interface that the stage chose (XDP_TX or XDP_REDIRECT)
 *          DROP  discarded
 * EXPECTED 1 when a healthy balancer counts it too, 0 when somebody should look
 */
#ifndef XLB_REASON_H
#define XLB_REASON_H

#define XLB_REASONS(X)                                                                                                 \
	X(NOT_IP, PASS, 1, "not IP", "ARP, LLDP and the like belong to the host")                                      \
	X(NOT_OURS, PASS, 1, "no balanced address or port", "traffic of the host itself, or a bind that is missing")   \
	X(NOT_TCP_UDP, PASS, 1, "balanced address, but neither TCP, UDP nor ICMP about them",                          \
	  "routing protocols, tunnels, neighbour discovery")                                                           \
	X(LATER_FRAGMENT, PASS, 1, "fragment without ports to an address of ours, of no packet that we know",          \
	  "its first fragment was not for a balanced port, or came later than this one")                               \
	X(STRAY_REPLY, PASS, 1, "to a source port of ours that no flow uses",                                          \
	  "a server spoke after its flow had ended or timed out; the host answers with a reset")                       \
	X(HOST_FLOW, PASS, 1, "TCP packet of a connection that a socket of the host holds",                            \
	  "a proxy on this host began it before xlb was attached, and ends it")                                        \
	X(REQUEST, SEND, 1, "client to server, known flow", "")                                                        \
	X(REPLY, SEND, 1, "server to client, known flow", "")                                                          \
	X(NEW_FLOW, SEND, 1, "first packet of a flow, sent to the chosen server", "")                                  \
	X(STATELESS, SEND, 1, "client to server, by the table of a stateless backend", "")                             \
	X(NOT_RECORDED, SEND, 0, "as STATELESS, but a server changes and the flow table had no room to note it",       \
	  "raise '#@xlb flows N' in section global: this connection may break with the next change")                   \
	X(RETURN, SEND, 1, "server to client, by the server's address and port alone", "")                             \
	X(FRAGMENT_SENT, SEND, 1, "later fragment, sent where its first one went", "")                                 \
	X(ICMP_TO_SERVER, SEND, 1, "ICMP error from the client's side, translated and sent to the flow's server",      \
	  "path MTU discovery at work, or a client that is gone")                                                      \
	X(ICMP_TO_CLIENT, SEND, 1, "ICMP error from the server's side, translated and sent to the flow's client",      \
	  "a server whose port is closed, or a smaller MTU behind it")                                                 \
	X(ECHO, SEND, 1, "ping to a balanced address, answered", "")                                                   \
	X(NO_SERVER_RST, SEND, 0, "no usable server, answered with a TCP reset",                                       \
	  "xlbctl show servers: all are down, in maintenance or of weight 0")                                          \
	X(NO_SERVER_ICMP, SEND, 0, "no usable server, answered with ICMP port unreachable",                            \
	  "xlbctl show servers: all are down, in maintenance or of weight 0")                                          \
	X(NO_FLOW_RST, SEND, 1, "TCP packet of no known flow, answered with a reset",                                  \
	  "a client spoke after its flow had ended or timed out: compare with the timeouts")                           \
	X(SHUT_RST, SEND, 1, "flow of a server that was marked down, answered with a reset",                           \
	  "on-marked-down shutdown-sessions, or 'shutdown sessions'")                                                  \
	X(REJECT_RST, SEND, 1, "refused by a 'reject' rule, answered with a TCP reset",                                \
	  "xlbctl show frontends; the rules of the frontend")                                                          \
	X(REJECT_ICMP, SEND, 1, "refused by a 'reject' rule, answered with ICMP port unreachable",                     \
	  "xlbctl show frontends; the rules of the frontend")                                                          \
	X(TOO_BIG_ICMP, SEND, 1, "too big for the tunnel, answered with fragmentation needed or packet too big",       \
	  "servers and clients should use the MTU of the way less the tunnel's header")                                \
	X(TRUNCATED, DROP, 0, "frame or length field shorter than the headers need", "a broken sender or a scan")      \
	X(BAD_HEADER, DROP, 0, "header length or version that cannot be", "a broken sender or a scan")                 \
	X(SOURCE_ROUTE, DROP, 0, "option or header that routes by source", "a scan")                                   \
	X(BAD_SOURCE, DROP, 0, "source address that cannot be a client", "spoofed packets: filter them upstream")      \
	X(BAD_FLAGS, DROP, 0, "TCP flags that cannot be", "a scan")                                                    \
	X(PORT_ZERO, DROP, 0, "port 0", "a broken sender or a scan")                                                   \
	X(NO_CHECKSUM, DROP, 0, "UDP over IPv6 without checksum", "a broken sender (RFC 8200, 8.1)")                   \
	X(EXTENSION, DROP, 0, "IPv6 extension headers: too many, or one that hides the ports",                         \
	  "IPsec belongs in front of the balancer; else a scan")                                                       \
	X(FRAGMENT_MISS, DROP, 0, "later fragment of a packet to a service, first one not seen",                       \
	  "fragments out of order, or the first one was dropped")                                                      \
	X(FRAGMENT_TINY, DROP, 0, "fragment that cuts or overlaps a layer 4 header", "a scan (RFC 1858, RFC 3128)")    \
	X(ICMP_NO_FLOW, DROP, 1, "ICMP error about a packet of no known flow", "late errors; many of them are a scan") \
	X(ICMP_BAD, DROP, 0, "ICMP error that quotes too little or a later fragment", "a broken router or a scan")     \
	X(TTL, DROP, 0, "time to live used up", "a routing loop")                                                      \
	X(LOOP, DROP, 0, "from our own MAC address",                                                                   \
	  "a server that sends its requests back to the balancer, or a loop between balancers")                        \
	X(NO_FLOW, DROP, 1, "TCP reset of no known flow", "a client or server ended a flow that was gone already")     \
	X(LIMITED, DROP, 0, "answer held back by the rate limit", "many clients reach a service without a server")     \
	X(NO_SERVER_DROP, DROP, 0, "no usable server, dropped in silence as configured",                               \
	  "xlbctl show servers: all are down, in maintenance or of weight 0")                                          \
	X(SERVICE_FULL, DROP, 0, "the frontend has as many flows as its maxconn allows",                               \
	  "raise maxconn, or find who holds so many connections")                                                      \
	X(SERVERS_FULL, DROP, 0, "every usable server has as many flows as its maxconn allows",                        \
	  "raise maxconn, or add servers")                                                                             \
	X(RATE, DROP, 1, "more new flows per second than rate-limit allows", "a flood, or a limit that is too low")    \
	X(REJECTED, DROP, 1, "refused by a 'silent-drop' rule", "xlbctl show frontends; the rules of the frontend")    \
	X(TOO_BIG, DROP, 0, "too big for the tunnel, and the packet may be fragmented, which we do not do",            \
	  "lower the sender's MTU, or raise that of the way to the servers")                                           \
	X(TABLE_FULL, DROP, 0, "no room in the flow table for a new flow", "raise '#@xlb flows N' in section global")  \
	X(TABLE_BUSY, DROP, 1, "two CPUs met in one part of the flow table", "the client sends again; rare")           \
	X(PORTS_USED_UP, DROP, 0, "every source port towards the chosen server is in use",                             \
	  "give the backend more addresses or ports with 'source'")                                                    \
	X(NO_NEIGHBOUR, DROP, 0, "MAC address of the server or next hop unknown", "is the server up? ip neigh show")   \
	X(NO_ROUTE, DROP, 0, "no route back to the client", "ip route get CLIENT on the balancer")                     \
	X(BUG, DROP, 0, "cannot happen", "please report it with the output of xlbctl show drops --json")

/* clang-format off */
enum xlb_reason {
	XLB_R_NONE, /* no decision yet, go on to the next stage; never counted */
#define XLB_REASON_ENUM(name, verdict, expected, text, advice) XLB_R_##name,
	XLB_REASONS(XLB_REASON_ENUM)
#undef XLB_REASON_ENUM
	XLB_R_MAX
};
/* clang-format on */

enum xlb_verdict { XLB_V_PASS, XLB_V_SEND, XLB_V_DROP };

#endif
