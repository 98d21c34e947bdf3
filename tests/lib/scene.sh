# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the tests in tests/netns and tests/compat share: a lab of their own, a balancer in it, claims in TAP form.
#
# A test sources this file, calls scene_up, and states what must hold with `claim` and `same`; the rest is in the traps:
# the lab goes away whatever happens, and after a failed claim the counters, flows and logs are written out first.

set -uo pipefail
scene_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
O=$(readlink -m "${O:-$scene_root/build}")
export O XLB_LAB=t$$
lab=$scene_root/tools/lab
dir=/run/xlb-lab/$XLB_LAB	# the lab's folder; tests put their files below it
VIP=10.211.55.4
WEB1=10.211.55.5
WEB2=10.211.55.6
tap_count=0
tap_failed=0
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1}

skip() # REASON
{
	echo "skip: $1"
	exit 77
}

# --- claims ---------------------------------------------------------------------------------------------------------

passes() # TEXT
{
	echo "ok $((++tap_count)) - $1"
}

# A claim that cannot be looked at here: counted as skipped, not as passed.
skips() # TEXT REASON
{
	echo "ok $((++tap_count)) - $1 # SKIP $2"
}

fails() # TEXT [LINE...]
{
	echo "not ok $((++tap_count)) - $1"
	shift
	[[ $# -eq 0 ]] || printf '#   %s\n' "$@"
	tap_failed=$((tap_failed + 1))
}

# The command succeeds. What it writes is shown only if it does not.
claim() # TEXT COMMAND...
{
	local text=$1 out

	shift
	if out=$("$@" 2>&1); then
		passes "$text"
	else
		fails "$text" "command: $*" "exit status $?, output:" "${out:0:2000}"
	fi
}

same() # TEXT EXPECTED SEEN
{
	if [[ $2 == "$3" ]]; then
		passes "$1"
	else
		fails "$1" "expected: ${2:0:2000}" "seen:     ${3:0:2000}"
	fi
}

contains() # TEXT PART WHOLE
{
	if [[ $3 == *"$2"* ]]; then
		passes "$1"
	else
		fails "$1" "expected to contain: $2" "seen: ${3:0:2000}"
	fi
}

# EXPRESSION is arithmetic with the values in it: number TEXT "$after > $before"
number() # TEXT EXPRESSION
{
	if (($2)); then
		passes "$1"
	else
		fails "$1" "does not hold: $2"
	fi
}

# Waits until the command succeeds: a generous bound, never the claim itself. Status 1 when the time is over.
wait_until() # SECONDS COMMAND...
{
	local end=$((SECONDS + $1))

	shift
	while ! "$@" > /dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# --- scene ----------------------------------------------------------------------------------------------------------

scene_up()
{
	[[ $(id -u) == 0 ]] || skip "needs root"
	if [[ ! -x $O/xlbd || ! -x $O/xlbctl ]]; then
		fails "xlbd and xlbctl are built"
		exit 1
	fi
	trap scene_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"$lab" up || exit 1
}

scene_end()
{
	local status=$?

	trap - EXIT
	((status == 0 && tap_failed > 0)) && status=1
	((tap_failed > 0 || (status != 0 && status != 77))) && scene_dump
	"$lab" down
	exit $status
}

scene_dump()
{
	local cmd file

	for cmd in "status" "show frontends" "show servers" "show drops" "show flows"; do
		echo "# --- xlbctl $cmd"
		# shellcheck disable=SC2086 # words
		timeout 5 "$lab" exec balancer "$O/xlbctl" $cmd 2>&1 | head -n 40 | sed 's/^/# /'
	done
	on balancer ethtool -S eth0 2>&1 | grep -v ': 0$' | sed 's/^/# /'
	for file in "$dir"/*/*.log; do
		[[ -s $file && $file != */access.log ]] || continue
		echo "# --- ${file#"$dir"/}"
		tail -n 40 "$file" | sed 's/^/# /'
	done
}

on() # HOST COMMAND...
{
	"$lab" exec "$@"
}

ctl() # ARGUMENTS OF xlbctl...
{
	"$lab" exec balancer "$O/xlbctl" "$@"
}

# --- balancer -------------------------------------------------------------------------------------------------------

# A stock head for configurations written in a test: config NAME <<EOF ... prints the path.
config() # NAME, frontends and backends on standard input
{
	{
		printf 'global\n    maxconn 4000\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 50s\n    timeout server 50s\n'
		cat
	} > "$dir/$1.cfg"
	echo "$dir/$1.cfg"
}

daemon_start() # CONFIGURATION: xlbd in the background; its pid in $daemon
{
	daemon=$("$lab" spawn balancer "$O/xlbd" -f "$1")
	wait_until 20 ctl status && return 0
	fails "xlbd starts with $1"
	exit 1
}

daemon_kill() # SIGNAL: and waits until it is gone
{
	kill -s "$1" "$daemon"
	wait_until 20 daemon_gone
}

daemon_gone()
{
	local state

	state=$(sed 's/.*) //' "/proc/$daemon/stat" 2> /dev/null | cut -c1)
	[[ -z $state || $state == Z ]]
}

# xlbd with this configuration, attached, all servers ready to take traffic.
balancer_start() # CONFIGURATION
{
	local out

	daemon_start "$1"
	if ! out=$(ctl attach eth0 2>&1); then
		fails "xlbctl attach eth0" "$out"
		exit 1
	fi
	wait_until 20 servers_reachable || { fails "the balancer is ready"; exit 1; }
}

# A first request tells that neighbours are known; where no frontend answers at all the caller checks for itself.
servers_reachable()
{
	on balancer ping -c1 -W1 "$WEB1" && on balancer ping -c1 -W1 "$WEB2"
}

server_status() # NAME: UP, DOWN, ... as `show servers` has it
{
	ctl --json show servers | jq -r --arg n "$1" '[.. | objects | select(.name? == $n)][0].state'
}

server_has_status() # NAME STATUS
{
	[[ $(server_status "$1") == "$2"* ]]
}

reason_count() # NAME: packets counted under a reason
{
	ctl --json show drops | jq -r --arg n "$1" '[.. | objects | select((.reason? // "" | ascii_upcase) == $n) | .count] | add // 0'
}

reason_sum()
{
	ctl --json show drops | jq -r '[.. | objects | select(has("reason") and has("count")) | .count] | add // 0'
}

# --- traffic --------------------------------------------------------------------------------------------------------

get() # [CURL OPTIONS...] PATH: from the client by the balancer
{
	on client curl -sS -m 5 "${@:1:$#-1}" "http://$VIP:8080${!#}"
}

answers() # NUMBER: who answered, one connection each, in one line
{
	# shellcheck disable=SC2016 # expands on the client
	on client bash -c 'for ((i = 0; i < $1; i++)); do curl -s -m 5 "http://$2:8080/" || echo failed; done' - "$1" "$VIP" |
		tr '\n' ' ' | sed 's/ $//'
}

alternates() # NUMBER WORDS...: the two servers take turns exactly, whoever begins
{
	local want=$1 previous=

	shift
	[[ $# -eq $want ]] || return 1
	while (($# > 0)); do
		[[ $1 == web[12] && $1 != "$previous" ]] || return 1
		previous=$1
		shift
	done
}
