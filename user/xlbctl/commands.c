/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command table and the options. To add a command, add a row and its function. */
#include "xlbctl/ctl.h"

static const char *const modes[] = { "auto", "native", "generic", NULL };

#define VALUE(member) offsetof(struct ctl_values, member)

const struct ctl_option ctl_global_options[] = {
	{ "instance", 'n', "NAME", VALUE(instance), "which daemon to speak to (default xlb, or $XLB_INSTANCE)", NULL },
	{ "run-dir", 0, "DIR", VALUE(run_dir), "where its socket is (default /run/xlb, or $XLB_RUN_DIR)", NULL },
	{ "json", 0, NULL, VALUE(json), "answer in JSON", NULL },
	{ "help", 'h', NULL, VALUE(help), "explain a command, or list them all", NULL },
	{ 0 },
};

static const struct ctl_option attach_options[] = {
	{ "mode", 0, "MODE", VALUE(mode), "auto, native or generic; auto takes native where the driver has it", modes },
	{ 0 },
};

static const struct ctl_option reload_options[] = {
	{ "dry-run", 0, NULL, VALUE(dry_run), "tell what would change, change nothing", NULL },
	{ 0 },
};

static const struct ctl_option flows_options[] = {
	{ "limit", 0, "N", VALUE(limit), "show at most N flows; 0: all (default 1000, with --json all)", NULL },
	{ 0 },
};

static const struct ctl_option drops_options[] = {
	{ "all", 0, NULL, VALUE(all), "show reasons that counted nothing, too", NULL },
	{ 0 },
};

static const struct ctl_option events_options[] = {
	{ "follow", 'f', NULL, VALUE(follow), "go on with new lines until interrupted", NULL },
	{ 0 },
};

static const struct ctl_option add_options[] = {
	{ "maint", 0, NULL, VALUE(maint), "leave the new server in maintenance", NULL },
	{ 0 },
};

static const struct ctl_option del_options[] = {
	{ "force", 0, NULL, VALUE(force), "take it out of service and end its flows first", NULL },
	{ 0 },
};

const struct ctl_cmd ctl_commands[] = {
	{ "attach", "INTERFACE", 1, 1, "balance the packets of an interface", "xlbctl attach eth0", attach_options,
	  cmd_attach,
	  "Starts xlbd with its default configuration when no daemon answers. Says which mode is in force, and why." },
	{ "detach", "INTERFACE", 1, 1, "leave an interface; its packets go to the host again", "xlbctl detach eth0",
	  NULL, cmd_detach, NULL },
	{ "status", "", 0, 0, "the daemon, its interfaces, flows and servers", "xlbctl status", NULL, cmd_status,
	  NULL },
	{ "check", "FILE...", 1, CTL_MAX_WORDS, "check configuration files; needs no daemon",
	  "xlbctl check /etc/xlb/xlb.cfg", NULL, cmd_check, "Exits with 3 when a file is not valid." },
	{ "reload", "", 0, 0, "read the configuration files again", "xlbctl reload --dry-run", reload_options,
	  cmd_reload,
	  "All or nothing: a file that is not valid changes nothing. Connections live on, but for those that --dry-run "
	  "says would be cut." },
	{ "save", "[FILE]", 0, 1, "write what commands and checks made of the servers", "xlbctl save /root/before",
	  NULL, cmd_save, "The format is that of HAProxy's server-state file. Without FILE: standard output." },
	{ "restore", "FILE", 1, 1, "give servers the weights, addresses and states that 'save' wrote",
	  "xlbctl restore /root/before", NULL, cmd_restore,
	  "A file that is damaged, or names a server that does not run, changes nothing. What checks found is not "
	  "restored: they know better." },
	{ "import", "FILE", 1, 1, "turn what 'ipvsadm -S -n' writes into a configuration; needs no daemon",
	  "ipvsadm -S -n | xlbctl import - > /etc/xlb/xlb.cfg", NULL, cmd_import,
	  "What xlb does otherwise is a warning. Exits with 3 when a rule has no counterpart, and then writes "
	  "nothing." },
	{ "show frontends", "", 0, 0, "frontends, their addresses and traffic", "xlbctl show frontends", NULL,
	  cmd_show_frontends, NULL },
	{ "show backends", "", 0, 0, "backends and their traffic", "xlbctl show backends", NULL, cmd_show_backends,
	  NULL },
	{ "show servers", "[BACKEND]", 0, 1, "servers, their state, checks and traffic", "xlbctl show servers", NULL,
	  cmd_show_servers, NULL },
	{ "show checks", "[BACKEND]", 0, 1, "what the health check of each server has found", "xlbctl show checks web",
	  NULL, cmd_show_checks,
	  "A server is up while its health is at least 'rise'; it ranges from 0 to rise + fall - 1, as in HAProxy." },
	{ "show events", "", 0, 0, "the last lines of the daemon's log", "xlbctl show events -f", events_options,
	  cmd_show_events,
	  "Servers that go up and down, commands, attachments, reloads. The daemon keeps some hundred lines." },
	{ "show flows", "", 0, 0, "who speaks to which server now", "xlbctl show flows --limit 20", flows_options,
	  cmd_show_flows, NULL },
	{ "show drops", "", 0, 0, "why packets went where they went; sums to all packets received", "xlbctl show drops",
	  drops_options, cmd_show_drops,
	  "A '!' marks what a healthy balancer does not count; xlbctl explain REASON tells what to look at." },
	{ "show binds", "", 0, 0, "addresses and ports that are balanced", "xlbctl show binds", NULL, cmd_show_binds,
	  NULL },
	{ "server add", "BACKEND/SERVER ADDRESS[:PORT] [PARAMETER...]", 2, CTL_MAX_WORDS,
	  "add a server until the next reload", "xlbctl server add web/s3 10.0.0.13:80 check weight 2", add_options,
	  cmd_server, "Parameters are those of a 'server' line. The server is in service at once." },
	{ "server del", "BACKEND/SERVER", 1, 1, "remove a server that is in maintenance", "xlbctl server del web/s3",
	  del_options, cmd_server, NULL },
	{ "server set", "BACKEND/SERVER PROPERTY VALUE", 3, 3, "change a property of a server",
	  "xlbctl server set web/s1 addr 10.0.0.21:80", NULL, cmd_server,
	  "Properties: addr IP[:PORT], check on|off, check-port PORT, health up|stopping|down, weight N|N%." },
	{ "server drain", "BACKEND/SERVER", 1, 1, "no new connections; those that exist go on",
	  "xlbctl server drain web/s1", NULL, cmd_server, NULL },
	{ "server ready", "BACKEND/SERVER", 1, 1, "end drain or maintenance", "xlbctl server ready web/s1", NULL,
	  cmd_server, NULL },
	{ "server maint", "BACKEND/SERVER", 1, 1, "no new connections and no checks", "xlbctl server maint web/s1",
	  NULL, cmd_server, NULL },
	{ "server weight", "BACKEND/SERVER N|N%", 2, 2,
	  "change its share of new connections; % is of the configured weight", "xlbctl server weight web/s1 50%", NULL,
	  cmd_server, NULL },
	{ "explain", "[REASON|CODE]", 0, 1, "what a reason of 'show drops' or the code of a message means",
	  "xlbctl explain NO_ROUTE", NULL, cmd_explain, NULL },
	{ "version", "", 0, 0, "versions of xlbctl and of the running daemon", "xlbctl version", NULL, cmd_version,
	  NULL },
	{ "completion", "bash", 1, 1, "a completion script for the shell",
	  "xlbctl completion bash > /etc/bash_completion.d/xlbctl", NULL, cmd_completion, NULL },
	{ "man", "", 0, 0, "the manual page in roff, made from the command table", "xlbctl man | man -l -", NULL,
	  cmd_man, NULL },
};

const size_t ctl_nr_commands = sizeof(ctl_commands) / sizeof(ctl_commands[0]);
