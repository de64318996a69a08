/* SPDX-License-Identifier: GPL-2.0 */
/* mmflags.h - names of flags in traces, of which there are none. */
