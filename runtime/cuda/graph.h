// A program as a CUDA graph: what it asks of the GPU is recorded once and then asked for at once, which costs the host a
// few microseconds however many kernels there are. The steps work on fixed memory of the graph's own. Inputs at another
// place than in the recorded call are copied there first; results are copied to new memory, so no call ever overwrites
// what another one returned.
#pragma once
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/pool.h"
#include "runtime/program.h"

namespace tandem::cuda {

// Graphs of one program, one for each set of sizes. Thread-safe.
class ProgramGraphs {
 public:
  explicit ProgramGraphs(const Program& program);
  ~ProgramGraphs();
  ProgramGraphs(const ProgramGraphs&) = delete;
  ProgramGraphs& operator=(const ProgramGraphs&) = delete;

  // As tandem::run. `bytes` of each input, from its first element on; 0 if its elements do not lie side by side. The first
  // call for some sizes runs as ever, and so does every call of a program that cannot be a graph.
  void run(std::span<const Buffer> inputs, std::span<const size_t> bytes, std::span<const int64_t> symbols,
           std::span<Buffer> outputs);
  // Why it runs as ever; empty if it does not.
  std::string refusal() const;

 private:
  struct Recorded;
  Recorded* find(std::span<const int64_t> symbols);

  const Program& program_;
  mutable std::mutex mutex_;
  std::string refusal_;
  std::vector<std::unique_ptr<Recorded>> recorded_;
};

struct GraphStats {
  int64_t captures = 0, launches = 0, refusals = 0;
};
GraphStats graph_stats();

// Whether compiled functions use graphs. Off at first.
void use_graphs(bool use);
bool graphs_used();

}  // namespace tandem::cuda
