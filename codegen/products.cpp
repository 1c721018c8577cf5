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

Slots written_by(const Launch& launch, std::span<const Kernel> kernels) {
  const Kernel& kernel = kernels[static_cast<size_t>(launch.kernel)];
  Slots written;
  for (size_t i = 0; i < launch.args.size(); ++i)
    if (kernel.buffers[i].role == BufferRole::output) written.insert(launch.args[i].slot);
  return written;
}

// All that a block changes: slots that get another buffer, and those whose elements do.
void collect_changes(std::span<const Step> block, std::span<const Kernel> kernels, Slots& changes) {
  for (const Step& step : block) {
    Slots used;
    collect(step, used, changes);
    if (const Launch* launch = launch_of(step)) changes.merge(written_by(*launch, kernels));
    std::visit(
        Overload{[&](const Matmul& s) { changes.insert(s.out.slot); },
                 [&](const Call& s) { changes.insert(s.out.slot); }, [&](const Copy& s) { changes.insert(s.to.slot); },
                 [&](const Put& s) { changes.insert(s.to.slot); },
                 [&](const Branch& s) {
                   collect_changes(s.then_block, kernels, changes);
                   collect_changes(s.else_block, kernels, changes);
                 },
                 [&](const Loop& s) {
                   collect_changes(s.condition, kernels, changes);
                   collect_changes(s.body, kernels, changes);
                 },
                 [](const auto&) {}},
        step.op);
  }
}

// `changes`: of the innermost loop around the block.
void mark(Block& block, const Slots& changes) {
  for (Step& step : block) {
    if (auto* product = std::get_if<Matmul>(&step.op)) product->b_stays = !changes.contains(product->b.slot);
    if (auto* branch = std::get_if<Branch>(&step.op))
      mark(branch->then_block, changes), mark(branch->else_block, changes);
  }
}

constexpr int64_t kWorthIt = 64 << 10;  // elements between two products: fewer stay in the caches

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
      if (std::holds_alternative<Matmul>(block[i].op)) go_onward(block, uses, i);
      const auto* launch = std::get_if<Launch>(&block[i].op);
      if (!launch) continue;
      const RowsOf* rows = nullptr;
      const size_t product = product_before(block, uses, i, *launch, rows);
      if (!rows) continue;
      Matmul joined = std::get<Matmul>(block[product].op);
      const Kernel& kernel = kernels_[static_cast<size_t>(launch->kernel)];
      joined.then = Epilogue{*launch, rows->parts, kernel.window};
      joined.origin = renamed(joined.origin, "+" + kernel.name, kernel.sources, kernel.weights, rows->share);
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

  // A product of what a launch makes of another one's rows joins those two, if nobody else reads what lies between them:
  // it is never kept.
  void go_onward(Block& block, Uses& uses, size_t& at) const {
    const auto& second = std::get<Matmul>(block[at].op);
    const size_t first = product_whose_rows_it_takes(block, at);
    if (first == at) return;
    Matmul joined = std::get<Matmul>(block[first].op);
    joined.onward = Onward{second.a, second.b, second.out};
    if (second.origin) {
      const StepOrigin& last = *second.origin;
      joined.origin = renamed(joined.origin, "+" + last.name, last.sources, last.weights, 0.5);
      for (LibraryNode& library : plan_.libraries)
        if (library.origin == second.origin) library.origin = joined.origin;
    }
    // What lies between stays in the caches.
    for (KernelBuffer& buffer : plan_.kernels[static_cast<size_t>(joined.then->launch.kernel)].buffers)
      buffer.streaming = false;
    const Slots between = {joined.out.slot, second.a.slot};
    block[at].op = std::move(joined);
    for (size_t k = at; k-- > 0;) {
      const auto* allocate = std::get_if<Allocate>(&block[k].op);
      if (k != first && !(allocate && between.contains(allocate->slot))) continue;
      erase(block, uses, k);
      --at;
    }
  }

  // To profiles the step is one of the product's, and of all lines: each by its share of the time. `share`: of what
  // `origin` stands for; what is added has the rest.
  OriginRef renamed(const OriginRef& origin, const std::string& name, std::span<const SourceLoc> sources,
                    std::span<const int> weights, double share) const {
    constexpr double kAll = 1000;
    const auto scaled = [](std::span<const int> given, size_t count, double part) {
      std::vector<int> all(given.begin(), given.end());
      all.resize(count, 1);
      const int sum = std::max(1, std::accumulate(all.begin(), all.end(), 0));
      for (int& weight : all) weight = static_cast<int>(kAll * part * weight / sum) + 1;
      return all;
    };
    StepOrigin both = origin ? *origin : StepOrigin{};
    both.name += name;
    both.weights = scaled(both.weights, both.sources.size(), share);
    const std::vector<int> added = scaled(weights, sources.size(), 1 - share);
    for (size_t i = 0; i < sources.size(); ++i) {
      const auto known = std::find(both.sources.begin(), both.sources.end(), sources[i]);
      if (known != both.sources.end()) {
        both.weights[static_cast<size_t>(known - both.sources.begin())] += added[i];
        continue;
      }
      both.sources.push_back(sources[i]);
      both.weights.push_back(added[i]);
    }
    auto made = std::make_shared<const StepOrigin>(std::move(both));
    for (LibraryNode& library : plan_.libraries)
      if (library.origin == origin) library.origin = made;
    return made;
  }

  // Its place, or `at`: none.
  size_t product_whose_rows_it_takes(Block& block, size_t at) const {
    const auto& second = std::get<Matmul>(block[at].op);
    for (size_t k = at; k-- > 0;) {
      const auto* first = std::get_if<Matmul>(&block[k].op);
      if (!first || !first->then || first->onward) continue;
      const Slots made = written_by(first->then->launch, kernels_);
      if (made.contains(second.a.slot)) return takes_rows(block, k, at) ? k : at;
    }
    return at;
  }

  bool takes_rows(Block& block, size_t at, size_t next) const {
    const auto &first = std::get<Matmul>(block[at].op), &second = std::get<Matmul>(block[next].op);
    const Launch& launch = first.then->launch;
    const View &product = first.out, &left = second.a;
    const auto is_f32 = [this](int slot) { return program_.slots[static_cast<size_t>(slot)].dtype == DType::f32; };
    bool same = left.shape == product.shape && left.offset == product.offset && product.slot != left.slot &&
                is_f32(product.slot) && is_f32(left.slot);
    for (size_t d = 0; same && d < product.shape.size(); ++d)
      same = left.strides[d] == product.strides[d] || program_.dims[static_cast<size_t>(product.shape[d])].is(1);
    const bool same_batch = first.b.shape.size() > 2 && second.b.shape.size() == first.b.shape.size() &&
                            std::equal(product.shape.begin(), product.shape.end() - 1, second.out.shape.begin());
    if (!same || !same_batch || first.then->parts != 1 || written_by(launch, kernels_).size() != 1) return false;
    if (elements_(left.slot) < kWorthIt) return false;
    const auto is_between = [&](int slot) { return slot == product.slot || slot == left.slot; };
    const auto count = [&](std::span<Step> steps) {
      size_t references = 0;
      for (Step& step : steps) for_each_slot(step, [&](int slot) { references += is_between(slot) ? 1 : 0; });
      return references;
    };
    const auto allocates = std::ranges::count_if(block, [&](const Step& step) {
      const auto* allocate = std::get_if<Allocate>(&step.op);
      return allocate && is_between(allocate->slot);
    });
    const auto is_output = [&](const View& output) { return is_between(output.slot); };
    if (allocates != 2 || std::ranges::any_of(program_.outputs, is_output) ||
        count(program_.body) != 2 + count({&block[at], 1}) + count({&block[next], 1}))
      return false;
    Slots used, changed;
    collect(block[at], used, changed);
    for (size_t k = at + 1; k < next; ++k) {
      changed.clear();
      collect_changes({&block[k], 1}, kernels_, changed);
      if (std::ranges::any_of(changed, [&used](int slot) { return used.contains(slot); })) return false;
    }
    return true;
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
