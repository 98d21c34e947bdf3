/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Codes of messages that the daemon gives while it runs: D03 by the data plane, M02 by the tables made of the
 * configuration. Their numbers stand at the messages; here is what `xlbctl explain` says, and a test that none lacks
 * it.
 */
#ifndef BASE_CODES_DAEMON_H
#define BASE_CODES_DAEMON_H

#define DAEMON_CODES(X)                                                                                                \
	X("D0301",                                                                                                     \
	  "The kernel lets only root, or a process with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, load programs.")       \
	X("D0302",                                                                                                     \
	  "The kernel refused the XDP program. The hint has its reason; 'xlbd -d' logs the verifier's words.")         \
	X("D0303", "The program that measures the kernel's clock could not run. Timeouts of flows depend on it.")      \
	X("D0304",                                                                                                     \
	  "The kernel lacks what the XDP program needs; the message has a list. Linux 6.1 and newer have all of it.")  \
	X("D0310", "Pins need a BPF filesystem: mount -t bpf bpf /sys/fs/bpf, or name another with --bpffs.")          \
	X("D0311", "The pin directory cannot be opened. Check its rights, and that --bpffs names a BPF filesystem.")   \
	X("D0312", "Pins of another user could be anything. Remove the directory, or use another instance name (-n).") \
	X("D0313", "Pins that others may replace could be anything. Look what is in the directory, then chmod 0700.")  \
	X("D0314", "A BPF filesystem allows no '.' in names. Choose an instance name without one.")                    \
	X("D0315", "The pin directory cannot be made. Check the rights of the BPF filesystem.")                        \
	X("D0316", "Pins are there without the map that describes them: damaged, or of another version. Detach with "  \
		   "the version that attached, or remove the directory, which ends its traffic.")                      \
	X("D0320", "The flow table would be larger than the kernel takes. Lower '#@xlb flows N'.")                     \
	X("D0321", "Maps or program could not be pinned. Check memory limits and rights of the BPF filesystem.")       \
	X("D0322", "A pin of the running data plane cannot be opened. xlbd adopts all of it or nothing.")              \
	X("D0323", "A pin is not the map that it should be. xlbd adopts all of it or nothing.")                        \
	X("D0324", "The running data plane is of a version that this xlbd does not know. Run that version, or detach " \
		   "with it and start this one afresh.")                                                               \
	X("D0325", "The map that describes the running data plane holds nonsense. Remove the pin directory.")          \
	X("D0326", "A map of the running data plane has another type or size. Run the version that made it.")          \
	X("D0327", "A flow table cannot grow while it is in use. Detach all interfaces and start xlbd again.")         \
	X("D0328", "The running data plane could not be adopted. The message has the reason.")                         \
	X("D0329", "Tables of another version were found with no interface attached, and made afresh.")                \
	X("D0330", "The weights of all servers together need more entries than there are. Use smaller weights.")       \
	X("D0331", "There are more bound addresses and ports than the tables hold. Bind fewer.")                       \
	X("D0332", "Port ranges and ways back of servers need room that the tables lack for a moment. Make smaller "   \
		   "changes, or fewer of both.")                                                                       \
	X("D0333", "The kernel could not make a stick table of that size. Lower its size.")                            \
	X("D0334", "The kernel could not make the table of the rules' networks and ports. Use fewer of them.")         \
	X("D0340", "The interface does not exist. 'ip link' shows those that do.")                                     \
	X("D0341", "The interface is attached already; nothing was changed.")                                          \
	X("D0342", "No more interfaces can be attached. Detach one that is not needed.")                               \
	X("D0343", "The link of the interface could not be pinned, so that it was taken off again.")                   \
	X("D0344", "The interface is not attached. 'xlbctl status' lists those that are.")                             \
	X("D0345", "The interface could not be detached. The message has the reason.")                                 \
	X("D0346", "The pins could not be removed. Remove the pin directory by hand.")                                 \
	X("D0347", "A pin in the place of a link is none. Remove it if it is not xlb's.")                              \
	X("D0348", "The new program could not take the place of the running one, which goes on as it was.")            \
	X("D0349", "The interface is attached in another network namespace. Start xlbd in that one.")                  \
	X("D0350", "Another XDP program is on the interface. Only one can be: 'ip link show' has its number.")         \
	X("D0351", "The driver or the kernel refused the program. Try '--mode generic'.")                              \
	X("M0201", "A table of the data plane is full. Numbers of what was removed come back when its flows end.")     \
	X("M0202",                                                                                                     \
	  "A source port range overlaps the host's own ports, so that replies would be mixed up. Use others.")         \
	X("M0203", "No port is left for the source of connections. Narrow net.ipv4.ip_local_port_range, or write "     \
		   "'source ADDRESS:LO-HI'.")                                                                          \
	X("M0204", "A server has an address that this version cannot reach. Give it an IPv4 address.")                 \
	X("M0205", "A bound address is not balanced in this version: its packets pass to the host.")                   \
	X("M0206", "There are more pairs of address and port than the table of binds holds. Bind fewer.")              \
	X("M0207", "Two frontends bind the same address and port. The first one gets the packets.")                    \
	X("M0208", "The way of forwarding keeps the port, but the server listens on another one than is bound. Use "   \
		   "fullnat or dnat.")                                                                                 \
	X("M0209",                                                                                                     \
	  "Direct return by MAC address reaches the own network only, and the server is behind a router. Use ipip.")   \
	X("M0210", "Server and source addresses must be of one family.")                                               \
	X("M0211", "A server in dnat has an address and port that a frontend binds: its answers would be taken for "   \
		   "requests. Use fullnat.")                                                                           \
	X("M0212", "All source ports of an address are bound by frontends, so that full NAT has none left. Give "      \
		   "another source.")                                                                                  \
	X("M0213", "There are more stick tables than the data plane holds. Let backends share one.")                   \
	X("M0214", "There are more servers in dnat than the table of ways back holds. Use fullnat for some.")          \
	X("M0215", "The data plane finds and enters a client by its own address, both or neither. Use 'stick on "      \
		   "src'.")                                                                                            \
	X("M0216", "There are more frontends with rules than the data plane holds, or their rules change too fast.")   \
	X("M0217", "The rules of a frontend are more than a packet can be asked about. Join acls of one name, or put " \
		   "addresses into a file.")                                                                           \
	X("M0218", "One of the counters sc0, sc1, sc2 tracks in two tables, or once by source and once by "            \
		   "destination. Use another counter.")

#endif
