/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon as the runtime protocol sees it. */
#ifndef XLBD_HOST_H
#define XLBD_HOST_H

#include "protocol/runtime.h"

/* 'arg' of all its functions is the struct state. */
extern const struct runtime_host host_ops;

#endif
