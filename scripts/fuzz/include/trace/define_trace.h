/* SPDX-License-Identifier: GPL-2.0 */
/* define_trace.h - the code of tracepoints, which have none. */
