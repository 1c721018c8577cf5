// Programs of eager operations, found by words that identify them.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ir/graph.h"
#include "ir/text.h"
#include "runtime/device.h"
#include "runtime/program.h"

namespace tandem {

// Operation, attributes, dtypes, layout class or exact sizes. Good for as long as the attributes it was given are.
class EagerKey {
 public:
  EagerKey(const OpDef& op, const Attrs& attrs) : attrs_(attrs), hash_(reinterpret_cast<size_t>(&op)) {
    few_[count_++] = reinterpret_cast<int64_t>(&op);
    if (!attrs.empty()) add(static_cast<int64_t>(tandem::hash(attrs)));
  }
  EagerKey(const EagerKey&) = delete;
  EagerKey& operator=(const EagerKey&) = delete;

  // Programs of other devices are others.
  void add(Device device) {
    if (!is_cpu(device)) [[unlikely]]
      add(int64_t{1} << 40 | device.index);
  }
  void add(int64_t word) {
    if (count_ < few_.size()) [[likely]]
      few_[count_++] = word;
    else
      add_further(word);
    hash_ = (hash_ ^ static_cast<size_t>(word)) * 0x9E3779B97F4A7C15ull;
    hash_ ^= hash_ >> 29;
  }
  size_t hash() const { return hash_; }
  std::span<const int64_t> words() const { return further_.empty() ? std::span(few_.data(), count_) : further_; }
  const Attrs& attrs() const { return attrs_; }

 private:
  void add_further(int64_t word);

  const Attrs& attrs_;
  size_t hash_, count_ = 0;
  std::array<int64_t, 24> few_;
  std::vector<int64_t> further_;  // all words, when they are many
};

struct EagerProgram {
  std::shared_ptr<const Program> program;
  std::vector<int64_t> symbols;  // of a program for exact sizes; empty when the caller has them
};

// Plans the graph of one operation. `target`: the parameter that the result is written to; none: it is returned.
std::shared_ptr<const Program> plan_eagerly(Graph graph, std::span<const int64_t> hints, Device device,
                                            std::optional<size_t> target = {});

namespace detail {
using MakeEagerProgram = EagerProgram (*)(void* context);
const EagerProgram& find_eager_program(const EagerKey& key, MakeEagerProgram make, void* context);
}  // namespace detail

// The program of `key`, made by make() if there is none. Good on this thread until it looks for another one.
template <class Make>
const EagerProgram& find_eager_program(const EagerKey& key, Make&& make) {
  using Function = std::remove_reference_t<Make>;
  return detail::find_eager_program(
      key, [](void* context) { return (*static_cast<Function*>(context))(); },
      const_cast<void*>(static_cast<const void*>(&make)));
}

int64_t eager_programs_made();
// Other threads let go of what they used when they look for a program again.
void forget_eager_programs();

}  // namespace tandem
