// Lifetimes of buffers: Release after the last use, and reuse of a dying input by the output that replaces it.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "codegen/plan.h"
#include "codegen/steps.h"

namespace tandem {

namespace {

class Lifetimes {
 public:
  Lifetimes(Program& program, const std::vector<SharePair>& shareable) : program_(program) {
    for (const SharePair& pair : shareable) shareable_[pair.kernel].push_back(pair);
  }

  // `kept`: slots whose contents are needed after the block. `own`: slots the block may release although it does not
  // define them (values carried by the loop whose body it is).
  void run(Block& block, const Slots& kept, const Slots& own) {
    std::unordered_map<int, size_t> last;
    Slots mine = own;
    for (size_t i = 0; i < block.size(); ++i) {
      Slots used, defined;
      collect(block[i], used, defined);
      for (int slot : used) last[slot] = i;
      for (int slot : defined) {
        last[slot] = std::max(last[slot], i);
        mine.insert(slot);
      }
    }
    Block out;
    for (size_t i = 0; i < block.size(); ++i) {
      const auto dies = [&](int slot) { return mine.contains(slot) && !kept.contains(slot) && last.at(slot) == i; };
      std::set<int> dead;
      Slots used, defined;
      collect(block[i], used, defined);
      for (const Slots* slots : {&used, &defined})
        for (int slot : *slots)
          if (dies(slot)) dead.insert(slot);
      nested(block[i], kept, last, i);
      if (const auto* allocate = std::get_if<Allocate>(&block[i].op)) counts_[allocate->slot] = allocate->count;
      if (const Launch* launch = launch_of(block[i])) reuse(*launch, out, without_operands(dead, block[i]));
      if (const auto* copy = std::get_if<Copy>(&block[i].op)) {
        // What comes in between copies more of the same.
        size_t next = i + 1;
        while (next < block.size() && goes_on(*copy, block[next])) ++next;
        const Launch* filler = next < block.size() ? launch_of(block[next]) : nullptr;
        const int from = copy->from.slot;
        const bool dies_next = filler && !without_operands({from}, block[next]).empty() && mine.contains(from) &&
                               !kept.contains(from) && last.at(from) == next;
        if (dead.contains(from) || (dies_next && replaces(*filler, copy->to.slot, from))) reuse(*copy, out);
      }
      out.push_back(std::move(block[i]));
      for (int slot : dead) out.push_back({Release{slot}});
    }
    block = std::move(out);
  }

 private:
  void nested(Step& step, const Slots& kept, const std::unordered_map<int, size_t>& last, size_t now) {
    if (!std::holds_alternative<Branch>(step.op) && !std::holds_alternative<Loop>(step.op)) return;
    Slots live = kept;
    for (const auto& [slot, when] : last)
      if (when > now) live.insert(slot);
    if (auto* branch = std::get_if<Branch>(&step.op)) {
      // What both sides define for the outside is used at this step or later.
      Slots results = live;
      for (const Step& inner : branch->then_block)
        if (const auto* bind = std::get_if<Bind>(&inner.op); bind && binds(branch->else_block, bind->to))
          results.insert(bind->to);
      run(branch->then_block, results, {});
      run(branch->else_block, results, {});
    } else if (auto* loop = std::get_if<Loop>(&step.op)) {
      Slots condition_kept = live, body_kept = live, handed_on, carried;
      condition_kept.insert(loop->predicate);
      for (const auto& [to, from] : loop->carried) handed_on.insert(from);
      for (const auto& [to, from] : loop->carried) {
        condition_kept.insert(to);
        body_kept.insert(from);
        if (handed_on.contains(to)) continue;
        // It takes a new value at the end of the body, so the old one may go, whatever is read after the loop.
        carried.insert(to);
        body_kept.erase(to);
      }
      run(loop->condition, condition_kept, {});
      run(loop->body, body_kept, carried);
    }
  }

  static bool goes_on(const Copy& copy, const Step& step) {
    const auto* more = std::get_if<Copy>(&step.op);
    return more && more->from.slot == copy.from.slot && more->to.slot == copy.to.slot &&
           same_layout(more->from, more->to);
  }

  // A launch that follows a product runs while others of its blocks still read the operands.
  static std::set<int> without_operands(std::set<int> slots, const Step& step) {
    if (const auto* product = std::get_if<Matmul>(&step.op)) slots.erase(product->a.slot), slots.erase(product->b.slot);
    return slots;
  }

  // The Allocate of an output right before this launch takes over an input that dies here.
  void reuse(const Launch& launch, Block& out, const std::set<int>& dead) {
    const auto pairs = shareable_.find(launch.kernel);
    if (pairs == shareable_.end()) return;
    Slots taken;
    for (const SharePair& pair : pairs->second) {
      const int to = launch.args[static_cast<size_t>(pair.output)].slot;
      const int from = launch.args[static_cast<size_t>(pair.input)].slot;
      // Another argument that reads the same buffer may read it elsewhere.
      const auto reads = std::count_if(launch.args.begin(), launch.args.end(),
                                       [from](const Operand& arg) { return arg.slot == from; });
      if (reads == 1 && !taken.contains(from) && dead.contains(from) && take_over(out, to, from)) taken.insert(from);
    }
  }

  // A copy of a whole buffer that is not needed any more is the buffer itself.
  void reuse(const Copy& copy, Block& out) {
    if (same_layout(copy.from, copy.to)) take_over(out, copy.to.slot, copy.from.slot);
  }

  bool replaces(const Launch& launch, int to, int from) const {
    const auto pairs = shareable_.find(launch.kernel);
    return pairs != shareable_.end() && reads_in_place(launch, to, from, pairs->second);
  }

  bool take_over(Block& out, int to, int from) {
    const auto& slots = program_.slots;
    if (to == from || from < program_.input_count || !as_many(to, from) ||
        size_of(slots[index(to)].dtype) != size_of(slots[index(from)].dtype))
      return false;
    for (size_t k = out.size(); k-- > 0;) {
      auto* allocate = std::get_if<Allocate>(&out[k].op);
      if (!allocate) return false;
      if (allocate->slot != to) continue;
      if (allocate->reuse >= 0) return false;
      allocate->reuse = from;
      return true;
    }
    return false;
  }
  // Whether the slots have as many elements, though maybe in other shapes.
  bool as_many(int a, int b) const {
    const auto& slots = program_.slots;
    if (slots[index(a)].shape == slots[index(b)].shape) return true;
    const auto one = counts_.find(a), other = counts_.find(b);
    return one != counts_.end() && other != counts_.end() && one->second == other->second;
  }
  static size_t index(int i) { return static_cast<size_t>(i); }

  Program& program_;
  std::unordered_map<int, DimRef> counts_;  // of elements, by slot
  std::unordered_map<int, std::vector<SharePair>> shareable_;
};

}  // namespace

bool reads_in_place(const Launch& launch, int to, int from, std::span<const SharePair> shareable) {
  const auto reads =
      std::count_if(launch.args.begin(), launch.args.end(), [from](const Operand& arg) { return arg.slot == from; });
  return reads == 1 && std::any_of(shareable.begin(), shareable.end(), [&](const SharePair& pair) {
           return pair.kernel == launch.kernel && launch.args[static_cast<size_t>(pair.output)].slot == to &&
                  launch.args[static_cast<size_t>(pair.input)].slot == from;
         });
}

void plan_lifetimes(Program& program, const std::vector<SharePair>& shareable) {
  Slots kept;
  for (const View& view : program.outputs) kept.insert(view.slot);
  Lifetimes(program, shareable).run(program.body, kept, {});
}

}  // namespace tandem
