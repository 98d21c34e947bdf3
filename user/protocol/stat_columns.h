/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Columns of `show stat`, in the order that existing tools count on: never insert, only append. X(NAME, TAGS), tags as
 * in cell.h. A column that means nothing for packets stays empty in every row.
 */
#ifndef PROTOCOL_STAT_COLUMNS_H
#define PROTOCOL_STAT_COLUMNS_H

/* clang-format off */
#define STAT_COLUMNS(X) \
	X(pxname, "KNS") X(svname, "KNS") X(qcur, "MGP") X(qmax, "MMP") X(scur, "MGP") X(smax, "MMP") \
	X(slim, "CLP") X(stot, "MCP") X(bin, "MCP") X(bout, "MCP") X(dreq, "MCP") X(dresp, "MCP") \
	X(ereq, "MCP") X(econ, "MCP") X(eresp, "MCP") X(wretr, "MCP") X(wredis, "MCP") X(status, "SGP") \
	X(weight, "MaP") X(act, "SGP") X(bck, "SGP") X(chkfail, "MCP") X(chkdown, "MCP") X(lastchg, "MAP") \
	X(downtime, "MCP") X(qlimit, "CLS") X(pid, "KGP") X(iid, "KGS") X(sid, "KGS") X(throttle, "MGP") \
	X(lbtot, "MCP") X(tracked, "CNS") X(type, "CGS") X(rate, "MRP") X(rate_lim, "CLP") \
	X(rate_max, "MMP") X(check_status, "MOP") X(check_code, "MOP") X(check_duration, "MDP") \
	X(hrsp_1xx, "MCP") X(hrsp_2xx, "MCP") X(hrsp_3xx, "MCP") X(hrsp_4xx, "MCP") X(hrsp_5xx, "MCP") \
	X(hrsp_other, "MCP") X(hanafail, "MCP") X(req_rate, "MRP") X(req_rate_max, "MMP") X(req_tot, "MCP") \
	X(cli_abrt, "MCP") X(srv_abrt, "MCP") X(comp_in, "MCP") X(comp_out, "MCP") X(comp_byp, "MCP") \
	X(comp_rsp, "MCP") X(lastsess, "MAP") X(last_chk, "MOP") X(last_agt, "MCP") X(qtime, "MaP") \
	X(ctime, "MaP") X(rtime, "MaP") X(ttime, "MaP") X(agent_status, "MCP") X(agent_code, "MCP") \
	X(agent_duration, "MCP") X(check_desc, "MOP") X(agent_desc, "MCP") X(check_rise, "CGS") \
	X(check_fall, "CGS") X(check_health, "CGS") X(agent_rise, "MCP") X(agent_fall, "MCP") \
	X(agent_health, "MCP") X(addr, "CGS") X(cookie, "MCP") X(mode, "CGS") X(algo, "CGS") \
	X(conn_rate, "MRP") X(conn_rate_max, "MMP") X(conn_tot, "MCP") X(intercepted, "MCP") X(dcon, "MCP") \
	X(dses, "MCP") X(wrew, "MCP") X(connect, "MCP") X(reuse, "MCP") X(cache_lookups, "MCP") \
	X(cache_hits, "MCP") X(srv_icur, "MGP") X(src_ilim, "CLP") X(qtime_max, "MMP") X(ctime_max, "MMP") \
	X(rtime_max, "MMP") X(ttime_max, "MMP") X(eint, "MCP") X(idle_conn_cur, "MGP") \
	X(safe_conn_cur, "MGP") X(used_conn_cur, "MGP") X(need_conn_est, "MGP") X(uweight, "MaP") \
	X(agg_server_status, "MGP") X(agg_server_check_status, "MGP") X(agg_check_status, "MGP") \
	X(srid, "KGS") X(sess_other, "MCP") X(h1sess, "MCP") X(h2sess, "MCP") X(h3sess, "MCP") \
	X(req_other, "MCP") X(h1req, "MCP") X(h2req, "MCP") X(h3req, "MCP") X(proto, "CNS") \
	X(priv_idle_cur, "MCP") X(reqbin, "MCP") X(reqbout, "MCP") X(resbin, "MCP") X(resbout, "MCP") \
	X(cache_hint_hits, "MCP")
/* clang-format on */

#endif
