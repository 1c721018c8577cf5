// The executor of programs on a GPU. Everything is asked for in order on the GPU's stream and returns at once; only what
// needs a value on the host waits: the predicates of branches and loops, and host steps, which the CPU's executor runs on
// copies of the buffers that they touch (routines that routines.h has not, such as linear algebra, functions of the host,
// and products of dtypes that cuBLASLt has not).
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/driver.h"
#include "runtime/program.h"

namespace tandem::cuda {

class Gpu;

void run(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols, std::span<Buffer> outputs);

// The same while the stream is being captured. `words` get the status words of its launches.
void run_recorded(Gpu& gpu, const Program& program, std::span<const Buffer> inputs, const int64_t* symbols,
                  std::span<Buffer> outputs, std::vector<Address>& words);

struct HostStepStats {
  int64_t steps = 0;
  int64_t bytes = 0;       // copied to the host and back for them
  int64_t predicates = 0;  // read back
};
HostStepStats host_step_stats();

// Why a program needs the host while it runs, so that it cannot be captured as a CUDA graph; empty when it does not.
std::string host_need(const Program& program);

}  // namespace tandem::cuda
