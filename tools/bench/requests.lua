-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
-- For wrk: prints one line "result REQUESTS MICROSECONDS P50_US P99_US FAILED" at the end. With ADDRESS:PORT words in the
-- variable BENCH_SERVERS, threads talk to these in turns instead of to the URL's address: no balancer, all servers.
local nr = 0

function setup(thread)
	local servers = {}

	for host, port in (os.getenv("BENCH_SERVERS") or ""):gmatch("([^%s:]+):(%d+)") do
		servers[#servers + 1] = wrk.lookup(host, port)[1]
	end
	if #servers > 0 then
		thread.addr = servers[nr % #servers + 1]
	end
	nr = nr + 1
end

function done(summary, latency, requests)
	local e = summary.errors

	print(string.format("result %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
		latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
