#include "runtime/cuda/graph.h"

#include <algorithm>
#include <atomic>
#include <map>

#include "runtime/cuda/device.h"
#include "runtime/cuda/execute.h"

namespace tandem::cuda {

namespace {

constexpr size_t kMostSizes = 16;  // graphs of one program; other sizes run as ever

std::atomic<int64_t> captures{0}, launches{0}, refusals{0};
std::atomic<bool> used{false};

}  // namespace

struct ProgramGraphs::Recorded {
  std::vector<int64_t> symbols;
  int calls = 0;
  Gpu* gpu = nullptr;
  std::vector<const void*> places;  // of the inputs, in the call before or in the recorded one
  std::vector<bool> moves;          // inputs that are copied to memory of the graph
  std::unique_ptr<Pool> pool;
  std::vector<Buffer> inputs, outputs;  // as recorded
  std::vector<Address> words;           // of checks
  Handle graph = nullptr;

  ~Recorded() { clear(); }
  void clear() {
    if (gpu && !forked()) {
      if (graph && !gpu->lost()) driver().graph_executable_destroy(graph);
      for (const Address each : words) gpu->failures.release_words(each);
    }
    graph = nullptr;
    words.clear();
    inputs.clear();
    outputs.clear();
    pool.reset();
  }

  // Copies what moves; then the recorded inputs are as given.
  void bring(std::span<const Buffer> given, std::span<const size_t> bytes) {
    for (size_t i = 0; i < given.size(); ++i)
      if (moves[i])
        copy_bytes({Device::Type::cuda, gpu->index}, inputs[i].data, device_of(*given[i].storage), given[i].data,
                   bytes[i]);
  }
  void write_back(const Program& program, std::span<const Buffer> given, std::span<const size_t> bytes) {
    for (const int written : program.written) {
      const auto i = static_cast<size_t>(written);
      if (moves[i])
        copy_bytes(device_of(*given[i].storage), given[i].data, {Device::Type::cuda, gpu->index}, inputs[i].data,
                   bytes[i]);
    }
  }

  void record(const Program& program, std::span<const Buffer> given, std::span<const size_t> bytes) {
    const Api& api = driver();
    clear();
    pool = std::make_unique<Pool>(*gpu);
    const Pool::Use use(*pool);
    for (size_t i = 0; i < given.size(); ++i) {
      if (!moves[i]) {
        inputs.push_back({{}, given[i].data});
        inputs.back().storage = borrow(given[i].data, bytes[i], true, nullptr, nullptr);
        inputs.back().storage->gpu = static_cast<int16_t>(gpu->index);
        continue;
      }
      StorageRef memory = gpu->memory.allocate(bytes[i]);
      void* data = memory->data;
      inputs.push_back({std::move(memory), data});
    }
    outputs.resize(program.outputs.size());
    gpu->check(api.begin_capture(gpu->stream, kCaptureRelaxed), "cuStreamBeginCapture");
    std::exception_ptr problem;
    try {
      run_recorded(*gpu, program, inputs, symbols.data(), outputs, words);
    } catch (...) {
      problem = std::current_exception();
    }
    Handle made = nullptr;
    const Result ended = api.end_capture(gpu->stream, &made);
    if (problem) {
      if (made) api.graph_destroy(made);
      std::rethrow_exception(problem);
    }
    gpu->check(ended, "cuStreamEndCapture");
    const Result result = api.graph_instantiate(&graph, made, 0);
    api.graph_destroy(made);
    gpu->check(result, "cuGraphInstantiate");
    captures.fetch_add(1, std::memory_order_relaxed);
  }

  // New memory for every result that lies in the graph's; others are the caller's own.
  void hand_out(std::span<const Buffer> given, std::span<Buffer> results) {
    const Device device{Device::Type::cuda, gpu->index};
    std::map<const Storage*, StorageRef> copies;
    for (size_t k = 0; k < results.size(); ++k) {
      const Buffer& out = outputs[k];
      const auto offset = static_cast<const char*>(out.data) - static_cast<const char*>(out.storage->data);
      const auto same = std::find_if(inputs.begin(), inputs.end(),
                                     [&](const Buffer& input) { return input.storage.get() == out.storage.get(); });
      if (same != inputs.end()) {
        const Buffer& own = given[static_cast<size_t>(same - inputs.begin())];
        results[k] = {own.storage, static_cast<char*>(own.data) + offset};
        continue;
      }
      StorageRef& copy = copies[out.storage.get()];
      if (!copy) {
        copy = gpu->memory.allocate(out.storage->bytes);
        copy_bytes(device, copy->data, device, out.storage->data, out.storage->bytes);
      }
      results[k] = {copy, static_cast<char*>(copy->data) + offset};
    }
  }
};

ProgramGraphs::ProgramGraphs(const Program& program) : program_(program), refusal_(host_need(program)) {
  if (!driver().begin_capture || !driver().end_capture || !driver().graph_instantiate || !driver().graph_launch)
    refusal_ = "the driver has no graphs";
  if (!refusal_.empty()) refusals.fetch_add(1, std::memory_order_relaxed);
}

ProgramGraphs::~ProgramGraphs() = default;

std::string ProgramGraphs::refusal() const {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

// Null when there are too many.
ProgramGraphs::Recorded* ProgramGraphs::find(std::span<const int64_t> symbols) {
  for (const auto& each : recorded_)
    if (std::ranges::equal(each->symbols, symbols)) return each.get();
  if (recorded_.size() >= kMostSizes) return nullptr;
  auto made = std::make_unique<Recorded>();
  made->symbols.assign(symbols.begin(), symbols.end());
  made->gpu = &Gpu::at(program_.device.index);
  return recorded_.emplace_back(std::move(made)).get();
}

void ProgramGraphs::run(std::span<const Buffer> inputs, std::span<const size_t> bytes, std::span<const int64_t> symbols,
                        std::span<Buffer> outputs) {
  const std::lock_guard lock(mutex_);
  Recorded* graph = refusal_.empty() ? find(symbols) : nullptr;
  if (!graph) return tandem::run(program_, inputs, symbols.data(), outputs);
  graph->gpu->enter();
  const bool first = graph->calls++ == 0;
  bool again = first || !graph->graph;
  graph->moves.resize(inputs.size());
  graph->places.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool on_host = is_cpu(device_of(*inputs[i].storage));
    if (graph->moves[i]) continue;
    if (on_host || (!first && graph->places[i] != inputs[i].data)) {
      if (bytes[i] == 0 && !first) {  // nobody knows what to copy
        refusal_ = "an input that lies elsewhere in each call and whose elements do not lie side by side";
        refusals.fetch_add(1, std::memory_order_relaxed);
        return tandem::run(program_, inputs, symbols.data(), outputs);
      }
      graph->moves[i] = on_host || !first;
      again = true;
    }
    graph->places[i] = inputs[i].data;
  }
  // The first call loads code and finds out what the library for products wants.
  if (first) return tandem::run(program_, inputs, symbols.data(), outputs);
  if (again) graph->record(program_, inputs, bytes);
  graph->bring(inputs, bytes);
  graph->gpu->check(driver().graph_launch(graph->graph, graph->gpu->stream), "cuGraphLaunch");
  launches.fetch_add(1, std::memory_order_relaxed);
  for (const auto& kernel : program_.kernels) graph->gpu->failures.launched(kernel);
  graph->write_back(program_, inputs, bytes);
  graph->hand_out(inputs, outputs);
}

GraphStats graph_stats() { return {captures.load(), launches.load(), refusals.load()}; }
void use_graphs(bool use) { used = use; }
bool graphs_used() { return used.load(std::memory_order_relaxed); }

}  // namespace tandem::cuda
