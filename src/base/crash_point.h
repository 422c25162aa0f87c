// Lets the crash tests end the process, as kill -9 does, at a named point of an action.
#pragma once

#include <string_view>

namespace alertscaler {

// With the CMake option ALERTSCALER_CRASH_POINTS: SIGKILLs this process when the environment variable
// ALERTSCALER_CRASH_AT is `point`. Otherwise nothing. The points, in the order of an action: before_intent,
// after_intent, after_create, after_start, before_outcome; of a node's drain also after_cordon and after_eviction;
// of a node's removal from a pool around them after_leaving, after_removed_mark, after_stop, after_node_deleted and
// after_container_removed, and of its replacement after_replaced_mark.
#ifdef ALERTSCALER_CRASH_POINTS
void crash_point(std::string_view point);
#else
inline void crash_point(std::string_view) {}
#endif

}  // namespace alertscaler
