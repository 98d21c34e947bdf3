/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Columns of `show stat`, in the order that existing tools count on: never insert, only append. X(NAME, TAGS, WHAT),
 * tags as in cell.h, WHAT for the option 'desc'. A column that means nothing for packets is empty in every row, and has
 * NULL there.
 */
#ifndef PROTOCOL_STAT_COLUMNS_H
#define PROTOCOL_STAT_COLUMNS_H

/* clang-format off */
#define STAT_COLUMNS(X) \
	X(pxname, "KNS", "proxy") \
	X(svname, "KNS", "FRONTEND, BACKEND, or the name of the server or bind") \
	X(qcur, "MGP", "flows that wait for a server: none, nothing is queued") \
	X(qmax, "MMP", "highest number of waiting flows") \
	X(scur, "MGP", "flows now") \
	X(smax, "MMP", "highest number of flows at a time") \
	X(slim, "CLP", "flows at a time that are allowed") \
	X(stot, "MCP", "flows since the counters began") \
	X(bin, "MCP", "bytes from clients, whole frames") \
	X(bout, "MCP", "bytes to clients, whole frames") \
	X(dreq, "MCP", "new flows that rules denied") \
	X(dresp, "MCP", NULL) \
	X(ereq, "MCP", NULL) \
	X(econ, "MCP", "first packets that got no flow, or no answer from the server") \
	X(eresp, "MCP", NULL) \
	X(wretr, "MCP", NULL) \
	X(wredis, "MCP", "flows that were given to another server because theirs did not answer") \
	X(status, "SGP", "OPEN, STOP or PAUSED; UP or DOWN; of a server what its check or an operator says") \
	X(weight, "MaP", "weight in force, of a backend the sum that new flows are shared out by") \
	X(act, "SGP", "1 for an active server; active servers that take flows") \
	X(bck, "SGP", "1 for a backup server; backup servers that take flows") \
	X(chkfail, "MCP", "failed checks while up") \
	X(chkdown, "MCP", "changes from up to down") \
	X(lastchg, "MAP", "seconds since the last change of state") \
	X(downtime, "MCP", "seconds not in service") \
	X(qlimit, "CLS", NULL) \
	X(pid, "KGP", "process, always 1") \
	X(iid, "KGS", "number of the proxy") \
	X(sid, "KGS", "number of the server or bind in its proxy") \
	X(throttle, "MGP", "per cent of the weight reached in slow start") \
	X(lbtot, "MCP", "flows that balancing gave to it") \
	X(tracked, "CNS", "server whose state it takes over") \
	X(type, "CGS", "0 frontend, 1 backend, 2 server, 3 bind") \
	X(rate, "MRP", "new flows in the last second") \
	X(rate_lim, "CLP", "new flows per second that are allowed") \
	X(rate_max, "MMP", "highest number of new flows in a second") \
	X(check_status, "MOP", "code of the last check") \
	X(check_code, "MOP", "status of HTTP or of the program of the last check") \
	X(check_duration, "MDP", "milliseconds that the last check took") \
	X(hrsp_1xx, "MCP", NULL) \
	X(hrsp_2xx, "MCP", NULL) \
	X(hrsp_3xx, "MCP", NULL) \
	X(hrsp_4xx, "MCP", NULL) \
	X(hrsp_5xx, "MCP", NULL) \
	X(hrsp_other, "MCP", NULL) \
	X(hanafail, "MCP", "times that 'observe' found too many errors in a row") \
	X(req_rate, "MRP", NULL) \
	X(req_rate_max, "MMP", NULL) \
	X(req_tot, "MCP", NULL) \
	X(cli_abrt, "MCP", "flows that the client reset") \
	X(srv_abrt, "MCP", "flows that the server reset") \
	X(comp_in, "MCP", NULL) \
	X(comp_out, "MCP", NULL) \
	X(comp_byp, "MCP", NULL) \
	X(comp_rsp, "MCP", NULL) \
	X(lastsess, "MAP", "seconds since the last new flow, -1 if there was none") \
	X(last_chk, "MOP", "what the last check found") \
	X(last_agt, "MOP", "what the last agent check found") \
	X(qtime, "MaP", "milliseconds of waiting for a server: none") \
	X(ctime, "MaP", "milliseconds from SYN to SYN-ACK") \
	X(rtime, "MaP", NULL) \
	X(ttime, "MaP", NULL) \
	X(agent_status, "MOP", "code of the last agent check") \
	X(agent_code, "MOP", "status of the last agent check") \
	X(agent_duration, "MDP", "milliseconds that the last agent check took") \
	X(check_desc, "MOP", "the code of the last check in words") \
	X(agent_desc, "MOP", "the code of the last agent check in words") \
	X(check_rise, "CGS", "passed checks that make the server up") \
	X(check_fall, "CGS", "failed checks that make the server down") \
	X(check_health, "CGS", "0 to rise + fall - 1, up from rise on") \
	X(agent_rise, "CGS", "as check_rise, of the agent") \
	X(agent_fall, "CGS", "as check_fall, of the agent") \
	X(agent_health, "CGS", "as check_health, of the agent") \
	X(addr, "CGS", "address and port") \
	X(cookie, "MCP", NULL) \
	X(mode, "CGS", "tcp: packets are balanced at layer 4") \
	X(algo, "CGS", "how servers are chosen") \
	X(conn_rate, "MRP", "new flows in the last second, denied ones included") \
	X(conn_rate_max, "MMP", "highest number of new flows in a second, denied ones included") \
	X(conn_tot, "MCP", "flows since the counters began") \
	X(intercepted, "MCP", NULL) \
	X(dcon, "MCP", "new flows that connection rules denied") \
	X(dses, "MCP", "new flows that session rules denied") \
	X(wrew, "MCP", NULL) \
	X(connect, "MCP", "flows opened to the server") \
	X(reuse, "MCP", NULL) \
	X(cache_lookups, "MCP", NULL) \
	X(cache_hits, "MCP", NULL) \
	X(srv_icur, "MGP", NULL) \
	X(src_ilim, "CLP", NULL) \
	X(qtime_max, "MMP", "highest qtime") \
	X(ctime_max, "MMP", "highest ctime") \
	X(rtime_max, "MMP", NULL) \
	X(ttime_max, "MMP", NULL) \
	X(eint, "MCP", NULL) \
	X(idle_conn_cur, "MGP", NULL) \
	X(safe_conn_cur, "MGP", NULL) \
	X(used_conn_cur, "MGP", "flows in use now") \
	X(need_conn_est, "MGP", NULL) \
	X(uweight, "MaP", "weight that the file or an operator gave") \
	X(agg_server_status, "MGP", NULL) \
	X(agg_server_check_status, "MGP", NULL) \
	X(agg_check_status, "MGP", NULL) \
	X(srid, "KGS", NULL) \
	X(sess_other, "MCP", NULL) \
	X(h1sess, "MCP", NULL) \
	X(h2sess, "MCP", NULL) \
	X(h3sess, "MCP", NULL) \
	X(req_other, "MCP", NULL) \
	X(h1req, "MCP", NULL) \
	X(h2req, "MCP", NULL) \
	X(h3req, "MCP", NULL) \
	X(proto, "CNS", NULL) \
	X(priv_idle_cur, "MCP", NULL) \
	X(reqbin, "MCP", NULL) \
	X(reqbout, "MCP", NULL) \
	X(resbin, "MCP", NULL) \
	X(resbout, "MCP", NULL) \
	X(cache_hint_hits, "MCP", NULL)
/* clang-format on */

#endif
