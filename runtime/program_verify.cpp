#include <algorithm>
#include <vector>

#include "runtime/copy.h"
#include "runtime/library.h"
#include "runtime/program.h"

namespace tandem {

namespace {

constexpr int kMostSteps = 50'000'000;

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program), defined_(program.slots.size(), false) {}

  void verify() {
    require(program_.input_count >= 0 && static_cast<size_t>(program_.input_count) <= program_.slots.size(),
            "the inputs are the first slots");
    for (int i = 0; i < program_.input_count; ++i) defined_[static_cast<size_t>(i)] = true;
    for (const Slot& slot : program_.slots) check_dims(slot.shape);
    for (const auto& kernel : program_.kernels) require(kernel && kernel->code, "every kernel has code");
    check_block(program_.body);
    step_ = "return";
    for (const View& output : program_.outputs) check_view(output);
  }

 private:
  void require(bool ok, const char* rule) const {
    if (ok) [[likely]]
      return;
    throw InternalError(fmt::format("program {} breaks a rule: {} (step \"{}\", number {})\n{}", program_.name, rule,
                                    step_, number_, to_text(program_)));
  }

  void check_dim(DimRef ref) const {
    require(ref >= 0 && static_cast<size_t>(ref) < program_.dims.size(), "sizes refer to the table of sizes");
  }
  void check_dims(const std::vector<DimRef>& refs) const {
    for (const DimRef ref : refs) check_dim(ref);
  }
  void check_slot(int slot) const {
    require(slot >= 0 && static_cast<size_t>(slot) < program_.slots.size(), "slots exist");
  }
  void check_temporary(int slot) const {
    check_slot(slot);
    require(slot >= program_.input_count, "inputs are never defined or released");
  }
  void check_defined(int slot) const {
    check_slot(slot);
    require(defined_[static_cast<size_t>(slot)], "slots are defined before they are used");
  }
  void check_bool(int slot) const {
    check_defined(slot);
    require(dtype(slot) == DType::boolean, "predicates are bool");
  }
  void check_view(const View& view) const {
    check_defined(view.slot);
    check_dim(view.offset);
    check_dims(view.shape);
    check_dims(view.strides);
    require(view.shape.size() == view.strides.size(), "a view has one stride per axis");
  }
  DType dtype(int slot) const { return program_.slots[static_cast<size_t>(slot)].dtype; }
  bool same_shape(int a, int b) const {
    const Slot &one = program_.slots[static_cast<size_t>(a)], &other = program_.slots[static_cast<size_t>(b)];
    return one.dtype == other.dtype && one.shape == other.shape;
  }
  void define(int slot) { defined_[static_cast<size_t>(slot)] = true; }
  void undefine(int slot) { defined_[static_cast<size_t>(slot)] = false; }

  void check_block(const Block& block) {
    for (const Step& step : block) {
      // Conditions are walked twice, and those inside of them four times.
      require(++number_ <= kMostSteps, "a program is not endless");
      std::visit([this](const auto& op) { check(op); }, step.op);
    }
  }

  void check(const Allocate& op) {
    step_ = "allocate";
    check_temporary(op.slot);
    check_dim(op.count);
    if (op.reuse >= 0) {
      check_temporary(op.reuse);
      check_defined(op.reuse);
      require(op.reuse != op.slot, "a slot does not reuse itself");
    }
    define(op.slot);
  }
  void check(const Launch& op) {
    step_ = "launch";
    require(op.kernel >= 0 && static_cast<size_t>(op.kernel) < program_.kernels.size(), "kernels exist");
    for (const Operand& arg : op.args) {
      check_defined(arg.slot);
      check_dim(arg.offset);
    }
    check_dims(op.vals);
    check_dim(op.range);
    require(op.grain >= 1 && op.cost >= 0, "grain is positive and cost is not negative");
    if (op.scratch_bytes >= 0) check_dim(op.scratch_bytes);
  }
  void check(const Matmul& op) {
    step_ = "matmul";
    check_product(op.a, op.b, op.out);
    if (!op.then) return;
    check(op.then->launch);
    step_ = "matmul";
    require(op.then->parts >= 1, "what follows a product reads of it");
    require(op.then->window < 0 || static_cast<size_t>(op.then->window) + 1 < op.then->launch.vals.size(),
            "a window is two values");
  }
  void check_product(const View& a, const View& b, const View& out) {
    check_view(out);
    for (const View* view : {&a, &b, &out}) {
      check_view(*view);
      const bool one = view == &b && view->shape.size() == 2;
      require(view->shape.size() >= 2 && (one || view->shape.size() == out.shape.size()),
              "matmul has one rank, at least 2, but for one matrix on the right");
      require(dtype(view->slot) == dtype(out.slot), "matmul has one dtype");
    }
    require(out.shape.size() <= static_cast<size_t>(kMostBatchAxes) + 2, "matmul has at most 6 batch axes");
    require(a.slot != out.slot && b.slot != out.slot, "the result of matmul is not an operand");
  }
  // What is between is defined inside the step only.
  void check(const Rows& op) {
    step_ = "rows";
    check_dims(op.extents);
    require(!op.extents.empty(), "rows have extents");
    std::vector<bool> between(program_.slots.size(), false);
    for (const auto& [slot, memory] : op.between) {
      check_temporary(slot);
      const std::vector<DimRef>& shape = program_.slots[static_cast<size_t>(slot)].shape;
      require(!defined_[static_cast<size_t>(slot)], "what is between is nowhere else");
      require(shape.size() >= op.extents.size() && std::equal(op.extents.begin(), op.extents.end(), shape.begin()),
              "what is between has the rows of the step");
      require(memory >= 0 && static_cast<size_t>(memory) < op.between.size(), "buffers of rows are few");
      for (const auto& [other, same] : op.between) {
        check_slot(other);
        require(memory != same || (program_.slots[static_cast<size_t>(other)].shape == shape &&
                                   size_of(dtype(other)) == size_of(dtype(slot))),
                "what shares a buffer has rows of one size");
      }
      define(slot);
      between[static_cast<size_t>(slot)] = true;
    }
    for (const Step& step : op.steps) {
      step_ = "rows";
      require(++number_ <= kMostSteps, "a program is not endless");
      if (const auto* launch = std::get_if<Launch>(&step.op)) {
        check(*launch);
        for (const Operand& arg : launch->args)
          require(!between[static_cast<size_t>(arg.slot)] || is(arg.offset, 0), "what is between begins with its rows");
        continue;
      }
      const auto* product = std::get_if<Matmul>(&step.op);
      require(product && !product->then, "rows go through launches and products");
      check(*product);
      check_on_rows(op, *product, between);
    }
    for (const auto& [slot, memory] : op.between) undefine(slot);
  }
  void check_on_rows(const Rows& op, const Matmul& product, const std::vector<bool>& between) {
    step_ = "rows";
    const size_t rank = product.out.shape.size();
    const auto is_between = [&](const View& view) { return between[static_cast<size_t>(view.slot)]; };
    require(rank == op.extents.size() + 1 &&
                std::equal(op.extents.begin(), op.extents.end() - 1, product.out.shape.begin()),
            "products of rows have their batch");
    require(dtype(product.out.slot) == DType::f32, "products of rows are float32");
    const bool is_sum = sums_along(program_, op, product);
    const View& a = product.a;
    if (is_sum) {
      const bool left = is_between(a);
      require(!is_between(product.out) && left != is_between(product.b), "a sum takes one of what is between");
      require(a.shape[rank - 1] == op.extents.back(), "a sum is along the rows");
      const View& b = product.b;
      require(left ? is_row_by_row(a, 1) : b.shape.size() == rank && is_row_by_row(b, 0),
              "a sum takes what is between row by row");
      return;
    }
    require(product.out.shape[rank - 2] == op.extents.back() && !is_between(product.b), "a product has the rows");
    require(!is_between(a) || is_row_by_row(a, 0), "a product takes what is between row by row");
  }
  // Of its last axes, with so many of them turned.
  bool is_row_by_row(const View& view, size_t turned) const {
    const Slot& slot = program_.slots[static_cast<size_t>(view.slot)];
    const size_t rank = view.shape.size(), row = rank - 2 + turned, column = rank - 1 - turned;
    if (slot.shape.size() != rank || !is(view.offset, 0)) return false;
    return view.shape[column] == slot.shape[rank - 1] && (is(view.strides[column], 1) || is(view.shape[column], 1)) &&
           (view.strides[row] == view.shape[column] || is(view.shape[row], 1));
  }
  bool is(DimRef ref, int64_t value) const { return program_.dims[static_cast<size_t>(ref)].is(value); }
  void check(const Call& op) {
    step_ = "call";
    require(op.routine != nullptr, "calls have a routine");
    check_view(op.out);
    for (const View& view : op.inputs) {
      check_view(view);
      require(view.slot != op.out.slot, "the result of a call is no input of it");
    }
    check_dims(op.params);
    require(op.function < static_cast<int>(program_.host.size()), "host functions exist");
    check(op.failure);
  }
  void check(const Copy& op) {
    step_ = "copy";
    check_view(op.from);
    check_view(op.to);
    require(op.from.shape.size() == op.to.shape.size() && op.to.shape.size() <= static_cast<size_t>(kMostCopyAxes),
            "copy has one rank, at most 32");
    require(dtype(op.from.slot) == dtype(op.to.slot), "copy has one dtype");
  }
  void check(const Put& op) {
    step_ = "put";
    check_view(op.from);
    check_view(op.to);
    check_view(op.index);
    require(op.to.shape.size() + op.index.shape.size() == op.from.shape.size() + 1,
            "put reads axes of the indices in the place of the one they lead to");
    require(op.axis >= 0 && static_cast<size_t>(op.axis) < op.to.shape.size(), "put has an axis of what it writes to");
    require(dtype(op.from.slot) == dtype(op.to.slot), "put has one dtype");
    require(dtype(op.index.slot) == DType::i64, "the index of put is i64");
    require(op.from.slot != op.to.slot && op.index.slot != op.to.slot, "put does not read what it writes to");
  }
  void check(const Release& op) {
    step_ = "release";
    check_temporary(op.slot);
    check_defined(op.slot);
    undefine(op.slot);
  }
  void check(const Bind& op) {
    step_ = "bind";
    check_temporary(op.to);
    check_defined(op.from);
    require(dtype(op.to) == dtype(op.from), "bind has one dtype");
    define(op.to);
  }
  // After a branch only what both ways leave defined is.
  void check(const Branch& op) {
    step_ = "if";
    check_bool(op.predicate);
    const std::vector<bool> before = defined_;
    check_block(op.then_block);
    std::vector<bool> after = std::exchange(defined_, before);
    check_block(op.else_block);
    for (size_t i = 0; i < after.size(); ++i) defined_[i] = defined_[i] && after[i];
  }
  // The body may not run at all, and the condition runs before and after it.
  void check(const Loop& op) {
    step_ = "while";
    if (op.rounds >= 0) check_dim(op.rounds);
    check_block(op.condition);
    step_ = "while";
    check_bool(op.predicate);
    const std::vector<bool> at_exit = defined_;
    check_block(op.body);
    step_ = "carry";
    for (const auto& [to, from] : op.carried) {
      check_temporary(to);
      check_defined(from);
      require(dtype(to) == dtype(from), "a carried value keeps its dtype");
    }
    if (op.tiling) check(*op.tiling, op);
    step_ = "carry";
    for (const auto& [to, from] : op.carried) define(to);
    check_block(op.condition);
    step_ = "while";
    check_bool(op.predicate);
    for (size_t i = 0; i < at_exit.size(); ++i)
      require(!at_exit[i] || defined_[i], "what a loop finds defined it leaves defined");
    defined_ = at_exit;
  }
  void check(const TimeTiling& op, const Loop& loop) {
    step_ = "rounds together";
    require(0 <= op.others && static_cast<size_t>(op.others) <= loop.body.size() && !op.arrays.empty(),
            "steps that make arrays come first");
    std::vector<int> known;
    for (const TimeTiling::Array& array : op.arrays) {
      for (const int slot : {array.old, array.made}) check_temporary(slot);
      const auto is_old = [&](const auto& pair) { return pair.first == array.old; };
      require(std::ranges::any_of(loop.carried, is_old), "arrays are carried");
      require(!array.names.empty(), "a new array has a name");
      known.insert(known.end(), {array.old, array.made});
      for (const int slot : array.names) check_temporary(slot), known.push_back(slot);
      const auto is_first = [&](const Step& step) {
        const auto* allocate = std::get_if<Allocate>(&step.op);
        return allocate && allocate->slot == array.names.front();
      };
      require(std::ranges::any_of(loop.body, is_first), "the first name of a new array is allocated");
      for (const int slot : array.names) require(same_shape(slot, array.old), "both buffers of an array are alike");
      require(same_shape(array.made, array.old), "both buffers of an array are alike");
    }
    size_t launches = 0;
    for (const Step& step : std::span(loop.body).first(static_cast<size_t>(op.others))) {
      const auto* launch = std::get_if<Launch>(&step.op);
      const bool moves = std::holds_alternative<Allocate>(step.op) || std::holds_alternative<Copy>(step.op) ||
                         std::holds_alternative<Release>(step.op);
      require(launch || moves, "arrays are made by launches and copies");
      if (launch) ++launches;
      if (const auto* copy = std::get_if<Copy>(&step.op))
        for (const int slot : {copy->from.slot, copy->to.slot})
          require(std::ranges::count(known, slot) > 0, "copies are of the arrays");
    }
    require(launches == op.launches.size() && launches > 0, "it is known what launches touch");
    for (const TimeTiling::Touches& launch : op.launches) {
      require(!launch.writes.empty(), "launches write");
      for (const auto* views : {&launch.reads, &launch.writes})
        for (const View& view : *views) {
          require(std::ranges::count(known, view.slot) > 0, "what is touched are the arrays");
          require(!view.shape.empty() && view.shape.size() == view.strides.size(), "a view has one stride per axis");
          check_dim(view.offset);
          check_dims(view.shape);
          check_dims(view.strides);
        }
    }
  }
  void check(const HostCall& op) {
    step_ = "host call";
    require(op.function >= 0 && static_cast<size_t>(op.function) < program_.host.size(), "host functions exist");
    for (const View& arg : op.args) check_view(arg);
    check(op.failure);
  }
  void check(const CheckIndex& op) {
    step_ = "check";
    require(op.function < static_cast<int>(program_.host.size()), "host functions exist");
    check_view(op.indices);
    require(is_integer(dtype(op.indices.slot)), "indices are integers");
    check_dim(op.size);
    check(op.failure);
  }
  void check(const OnFailure& op) {
    for (const auto& [from, to] : op.copies) {
      check_view(from);
      check_view(to);
      require(dtype(from.slot) == dtype(to.slot), "a copy has one dtype");
      require(from.shape.size() == to.shape.size(), "a copy has one rank");
    }
    for (const View& arg : op.args) check_view(arg);
  }

  const Program& program_;
  std::vector<bool> defined_;
  const char* step_ = "head";
  int number_ = 0;
};

}  // namespace

bool sums_along(const Program& program, const Rows& rows, const Matmul& product) {
  const auto is_between = [&](const View& view) {
    return std::ranges::any_of(rows.between, [&](const Between& b) { return b.slot == view.slot; });
  };
  const DimRef column = product.a.strides.back();
  return is_between(product.b) || (is_between(product.a) && !program.dims[static_cast<size_t>(column)].is(1));
}

void verify(const Program& program) { Verifier(program).verify(); }

}  // namespace tandem
