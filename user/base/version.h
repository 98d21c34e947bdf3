/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Version of the program, and the packages' licence. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define XLB_VERSION "0.1.0"
#define XLB_RELEASE_DATE "2026/11/22"

#endif
