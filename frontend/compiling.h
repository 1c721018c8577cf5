// On which thread captured programs are compiled: on that of the call that captured them, or behind its back.
//
// Threads for the latter start when there is work and end when there is none; they give way to all others. Programs of the
// CPU are compiled one at a time, by one thread, since calls compute there meanwhile. Those of GPUs leave the CPU idle, and
// NVRTC takes long: several are compiled at a time, and kernels of one on the threads of the pool. A forked child has no
// thread and starts one when it needs it.
#pragma once
#include "frontend/executable.h"

namespace tandem {

// Has it compiled behind the caller's back. Does nothing if it is compiled, or about to be.
void compile_later(Executable& executable);

// Whether it is compiled, after waiting until then, but no longer than until `deadline`. Without one (kNever) it is
// compiled on this thread unless another has begun. Throws what went wrong; each call after that throws it again.
// To be called without Python's lock if it may wait.
bool await(Executable& executable, Executable::Clock::time_point deadline = Executable::kNever);

// Nobody wants it any more: it is not compiled, or no further, behind anybody's back.
void abandon(Executable& executable);

// While held, the threads begin with nothing: for tests that look at what waits.
void hold_compiling(bool held);

// Ends the threads and waits for their end. From then on only `await` compiles.
void stop_compiling();

}  // namespace tandem
