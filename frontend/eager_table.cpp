#include "frontend/eager_table.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "codegen/device.h"
#include "codegen/plan.h"
#include "frontend/detach.h"
#include "passes/pipeline.h"

namespace tandem {

namespace {

struct Made {
  std::vector<int64_t> words;
  Attrs attrs;
  EagerProgram program;

  bool is_for(const EagerKey& key) const {
    return std::ranges::equal(words, key.words()) && identical(attrs, key.attrs());
  }
};
using MadeRef = std::shared_ptr<const Made>;

// More distinct shapes than this in one process: start over rather than grow without end.
constexpr size_t kMaxPrograms = 8192;

struct Table {
  std::shared_mutex mutex;
  std::unordered_multimap<size_t, MadeRef> programs;  // by hash

  MadeRef find(const EagerKey& key) const {
    const auto [begin, end] = programs.equal_range(key.hash());
    const auto it = std::find_if(begin, end, [&](const auto& entry) { return entry.second->is_for(key); });
    return it == end ? nullptr : it->second;
  }
};
Table& table() {
  static Table* instance = new Table;  // programs may be wanted until the very end of the process
  return *instance;
}
std::atomic<int64_t> made{0};
std::atomic<uint32_t> generation{0};  // how often programs were forgotten

// What a thread used last, so that it neither locks nor counts references to find it again.
struct Recent {
  static constexpr size_t kPlaces = 256;
  MadeRef places[kPlaces];
  uint32_t generation = 0;

  MadeRef& place(size_t hash) { return places[hash % kPlaces]; }
  void clear() { std::fill(std::begin(places), std::end(places), nullptr); }
};
constinit thread_local Recent* recent = nullptr;

// Ends with the thread. What an operation after that makes is kept.
struct Owner {
  ~Owner() { delete std::exchange(recent, nullptr); }
};

Recent& own_recent() {
  if (!recent) [[unlikely]] {
    static thread_local Owner owner;
    recent = new Recent;
  }
  return *recent;
}

MadeRef find_or_make(const EagerKey& key, detail::MakeEagerProgram make, void* context) {
  Table& t = table();
  {
    const std::shared_lock lock(t.mutex);
    if (MadeRef known = t.find(key)) return known;
  }
  auto fresh = std::make_shared<const Made>(Made{{key.words().begin(), key.words().end()}, key.attrs(), make(context)});
  made.fetch_add(1, std::memory_order_relaxed);
  const std::unique_lock lock(t.mutex);
  if (t.programs.size() >= kMaxPrograms) t.programs.clear();
  if (MadeRef known = t.find(key)) return known;
  t.programs.emplace(key.hash(), fresh);
  return fresh;
}

}  // namespace

void EagerKey::add_further(int64_t word) {
  if (further_.empty()) further_.assign(few_.begin(), few_.end());
  further_.push_back(word);
}

const EagerProgram& detail::find_eager_program(const EagerKey& key, MakeEagerProgram make, void* context) {
  Recent& mine = own_recent();
  if (const uint32_t now = generation.load(std::memory_order_relaxed); mine.generation != now) [[unlikely]] {
    mine.clear();
    mine.generation = now;
  }
  MadeRef& place = mine.place(key.hash());
  if (!place || !place->is_for(key)) [[unlikely]]
    place = find_or_make(key, make, context);
  return place->program;
}

std::shared_ptr<const Program> plan_eagerly(Graph graph, std::span<const int64_t> hints, Device device,
                                            std::optional<size_t> target) {
  graph.name = "eager";
  Graph optimized = optimize(graph, {});
  detach_results(optimized, target ? 0 : 1);
  std::vector<std::pair<int, int>> writebacks;
  if (target) writebacks.emplace_back(0, static_cast<int>(*target));
  return build_plan(optimized, hints, backend_of(device), writebacks, {}, {.apart = true, .device = device}).program;
}

int64_t eager_programs_made() { return made.load(); }

void forget_eager_programs() {
  Table& t = table();
  decltype(t.programs) gone;  // let go of without the lock
  {
    const std::unique_lock lock(t.mutex);
    gone.swap(t.programs);
  }
  generation.fetch_add(1, std::memory_order_relaxed);
  if (recent) recent->clear();
}

}  // namespace tandem
