/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Turns what `ipvsadm -S -n` writes into a configuration that xlb and HAProxy read. Pure: text in, text out. */
#ifndef XLBCTL_IMPORT_H
#define XLBCTL_IMPORT_H

#include "base/buf.h"
#include "base/diag.h"

/*
 * A section 'listen' per virtual service, in the order of 'text'. What xlb does otherwise than IPVS is a warning, what
 * it cannot do an error, each with 'file' and line; all of them are told at once. 0, -EINVAL or -ENOMEM with 'out'
 * untouched.
 */
int import_ipvs(const char *file, const char *text, struct diag_list *diags, struct buf *out);

#endif
