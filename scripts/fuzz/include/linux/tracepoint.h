/* SPDX-License-Identifier: GPL-2.0 */
/* tracepoint.h - tracepoints, which are always switched off here. */
#ifndef SIM_TRACEPOINT_H
#define SIM_TRACEPOINT_H

#include <linux/types.h>

#define TP_PROTO(...)		__VA_ARGS__

#define TRACE_EVENT(name, proto, ...)					\
	static inline void trace_##name(proto)				\
	{								\
	}								\
									\
	static inline bool trace_##name##_enabled(void)			\
	{								\
		return false;						\
	}
#define TRACE_EVENT_FN(name, proto, ...)	TRACE_EVENT(name, proto)

#endif /* SIM_TRACEPOINT_H */
