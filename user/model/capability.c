/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of capability.h. */
#include "model/capability.h"

const struct capability_row capabilities[NR_CAPABILITIES] = {
#define X(ident, state, what, hint) [CAN_##ident] = { CAN_##state, what, hint },
	CAPABILITIES(X)
#undef X
};
