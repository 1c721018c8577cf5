// What steps of products can know of the steps around them.
//
// Products and what follows them become one step: the kernel runs on blocks of the product while they are in the caches.
// The step stands where the launch stood, so what lies in between must not touch the product or change its operands. The
// kernel writes while other blocks still read the operands: it may not write to them. That a result takes over the memory
// of the product itself is fine, for lifetimes have seen that it reads each element where it writes it.
#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "codegen/plan.h"
#include "codegen/steps.h"

namespace tandem {

namespace {

// `changes`: of the innermost loop around the block.
void mark(Block& block, const Slots& changes) {
  for (Step& step : block) {
    if (auto* product = std::get_if<Matmul>(&step.op)) product->b_stays = !changes.contains(product->b.slot);
    if (auto* branch = std::get_if<Branch>(&step.op))
      mark(branch->then_block, changes), mark(branch->else_block, changes);
  }
}

class Joining {
 public:
  Joining(Program& program, Plan& plan, std::span<const std::vector<RowsOf>> rows_of,
          std::span<const SharePair> shareable, const std::function<int64_t(int)>& elements)
      : program_(program),
        plan_(plan),
        kernels_(plan.kernels),
        rows_of_(rows_of),
        shareable_(shareable),
        elements_(elements) {}

  void run(Block& block) const {
    Uses uses(block);
    for (size_t i = 0; i < block.size(); ++i) {
      if (auto* branch = std::get_if<Branch>(&block[i].op)) run(branch->then_block), run(branch->else_block);
      if (auto* loop = std::get_if<Loop>(&block[i].op)) run(loop->condition), run(loop->body);
      const auto* launch = std::get_if<Launch>(&block[i].op);
      if (!launch) continue;
      const RowsOf* rows = nullptr;
      const size_t product = product_before(block, uses, i, *launch, rows);
      if (!rows) continue;
      Matmul joined = std::get<Matmul>(block[product].op);
      const Kernel& kernel = kernels_[static_cast<size_t>(launch->kernel)];
      joined.then = Epilogue{*launch, rows->parts, kernel.window};
      joined.origin = joined_origin(joined.origin, *program_.kernels[static_cast<size_t>(launch->kernel)], rows->share);
      for (LibraryNode& library : plan_.libraries)
        if (library.origin == std::get<Matmul>(block[product].op).origin) library.origin = joined.origin;
      block[i].op = std::move(joined);
      erase(block, uses, product);
      --i;
    }
  }

 private:
  // Of the slots in a block, whose steps keep their numbers.
  struct Uses {
    explicit Uses(const Block& block) : number(block.size()) {
      std::iota(number.begin(), number.end(), size_t{0});
      for (size_t k = 0; k < block.size(); ++k) {
        Slots used;
        collect(block[k], used, defined);
        for (const int slot : used) last[slot] = k;
      }
    }
    std::vector<size_t> number;  // by place
    std::unordered_map<int, size_t> last;
    Slots defined;
  };
  static void erase(Block& block, Uses& uses, size_t at) {
    block.erase(block.begin() + static_cast<long>(at));
    uses.number.erase(uses.number.begin() + static_cast<long>(at));
  }

  // The last product that the launch can follow; `rows`: how it reads it, or null.
  size_t product_before(const Block& block, const Uses& uses, size_t at, const Launch& launch,
                        const RowsOf*& rows) const {
    for (size_t k = at; k-- > 0;) {
      const auto* product = std::get_if<Matmul>(&block[k].op);
      if (!product || product->then) continue;
      for (const RowsOf& known : rows_of_[static_cast<size_t>(launch.kernel)])
        if (known.slot == product->out.slot) rows = &known;
      if (!rows) continue;
      bool free = !writes(launch, product->a.slot) && !writes(launch, product->b.slot);
      for (size_t between = k + 1; free && between < at; ++between) free = passes(block[between], *product);
      if (!free || holds_more(block, uses, k, at, launch)) rows = nullptr;
      return k;
    }
    return at;
  }

  // Whether an operand that is not small beside the product would have gone before the launch needs memory for a result,
  // or before other steps do: updates of parameters come long after the products that are their gradients.
  bool holds_more(const Block& block, const Uses& uses, size_t at, size_t next, const Launch& launch) const {
    const auto& product = std::get<Matmul>(block[at].op);
    const auto goes = [&](int slot) {
      const size_t last = uses.last.at(slot);
      return uses.defined.contains(slot) && (last <= uses.number[at] || last == uses.number[next]);
    };
    const auto is_large = [&](int slot) { return 2 * elements_(slot) > elements_(product.out.slot) && goes(slot); };
    if (!is_large(product.a.slot) && !is_large(product.b.slot)) return false;
    for (size_t between = at + 1; between < next; ++between)
      if (!std::holds_alternative<Allocate>(block[between].op)) return true;
    const bool is_free = uses.last.at(product.out.slot) == uses.number[next];
    const Kernel& kernel = kernels_[static_cast<size_t>(launch.kernel)];
    for (size_t i = 0; i < launch.args.size(); ++i)
      if (kernel.buffers[i].role == BufferRole::output &&
          !(is_free && reads_in_place(launch, launch.args[i].slot, product.out.slot, shareable_)))
        return true;
    return false;
  }
  bool writes(const Launch& launch, int slot) const { return written_by(launch, kernels_).contains(slot); }

  // Whether the product may as well come after the step.
  bool passes(const Step& step, const Matmul& product) const {
    Slots used, defined;
    collect(step, used, defined);
    const auto touches = [&](int slot) { return used.contains(slot) || defined.contains(slot); };
    if (touches(product.out.slot)) return false;
    if (!touches(product.a.slot) && !touches(product.b.slot)) return true;
    const auto* other = std::get_if<Matmul>(&step.op);
    if (other && (other->out.slot == product.a.slot || other->out.slot == product.b.slot)) return false;
    const Launch* launch = launch_of(step);
    return (launch || other) && !(launch && (writes(*launch, product.a.slot) || writes(*launch, product.b.slot)));
  }

  Program& program_;
  Plan& plan_;
  std::span<const Kernel> kernels_;
  std::span<const std::vector<RowsOf>> rows_of_;
  std::span<const SharePair> shareable_;
  const std::function<int64_t(int)>& elements_;  // of a slot
};

}  // namespace

void join_epilogues(Program& program, Plan& plan, std::span<const std::vector<RowsOf>> rows_of,
                    std::span<const SharePair> shareable, const std::function<int64_t(int)>& elements) {
  Joining(program, plan, rows_of, shareable, elements).run(program.body);
}

void mark_staying(Block& block, std::span<const Kernel> kernels) {
  for (Step& step : block) {
    if (auto* branch = std::get_if<Branch>(&step.op))
      mark_staying(branch->then_block, kernels), mark_staying(branch->else_block, kernels);
    auto* loop = std::get_if<Loop>(&step.op);
    if (!loop) continue;
    Slots changes;
    for (const auto& [to, from] : loop->carried) changes.insert(to), changes.insert(from);
    for (Block* part : {&loop->condition, &loop->body}) collect_changes(*part, kernels, changes);
    for (Block* part : {&loop->condition, &loop->body}) {
      mark(*part, changes);
      mark_staying(*part, kernels);
    }
  }
}

}  // namespace tandem
