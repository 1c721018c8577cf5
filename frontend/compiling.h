// On which thread captured programs are compiled: on that of the call that captured them, or behind its back.
//
// There is one thread for the latter. It starts when there is work and ends when there is none, gives way to all others,
// and uses no other thread. A forked child has none and starts one when it needs it.
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

// While held, the thread begins with nothing: for tests that look at what waits.
void hold_compiling(bool held);

// Ends the thread and waits for its end. From then on only `await` compiles.
void stop_compiling();

}  // namespace tandem
