// The threads that share a parallel loop with the thread that runs it.
//
// The caller works, too, and waits for nobody who has not begun: a thread that comes late (waking a sleeping one can
// take longer than the whole loop) finds the loop closed. One loop has the threads at a time; others that come
// meanwhile run on their own threads alone. Threads are started by the first loop, spin for some microseconds after each
// one, and then sleep. A forked child starts threads of its own.
#pragma once
#include <cstdint>

namespace tandem {

// `seat`: 0 for the thread that runs the loop, else always the same number for the same helper.
using PoolWork = void (*)(void* context, int seat);

// Calls work(context, seat) on this thread and, if they come in time, on up to `helpers` others at once; returns when all that
// began have ended. `wake`: whether sleeping threads are worth waking, and missing ones worth starting. `work` must not
// throw. False, and nothing was called, when the pool is taken, or nobody is awake who need not be woken.
bool share_work(int helpers, bool wake, PoolWork work, void* context);

}  // namespace tandem
