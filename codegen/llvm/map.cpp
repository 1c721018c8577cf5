// Stages that only store, vectorised over the last inner axis.
#include <algorithm>
#include <bit>

#include "codegen/llvm/emitter.h"

namespace tandem::llvm {

namespace {

// From this many vector operations on, a body is worth compiling for whole vectors apart from the last one, and two
// vectors are on their way at a time where there are registers for them (where there are masks, too): the chain of
// operations behind one result is longer than what a processor looks ahead.
constexpr int kHeavy = 20;
// From here on the work hides what a mask costs: one masked loop does it all, and the body is compiled once.
constexpr int kVast = 100;
// From so many loads of one buffer on, it pays to begin where the stores are aligned.
constexpr int kStencil = 3;

int unrolling(int weight, bool masks) { return weight <= 6 ? 4 : weight < (masks ? kVast : kHeavy) ? 2 : 1; }

}  // namespace

void Emitter::map_stage() {
  emit_level(0);
  std::vector<Loop> loops;
  open_levels(loops, s_.levels - 1);
  vector_map(low_, high_);
  close_levels(loops);
}

void Emitter::open_levels(std::vector<Loop>& loops, int count) {
  loops.reserve(static_cast<size_t>(count));
  for (int level = 1; level <= count; ++level) {
    Loop& loop = loops.emplace_back(t_, std::vector<Carried>{{"i64", "0"}});
    loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], coef(inner_extent(level))));
    enter_axis(level, loop[0]);
    emit_level(level);
  }
}

void Emitter::close_levels(std::vector<Loop>& loops) {
  for (; !loops.empty(); loops.pop_back()) loops.back().close({t_.def("add i64 {}, 1", loops.back()[0])});
}

void Emitter::element_body(const Value& index) {
  enter_axis(s_.levels, index);
  emit_level(s_.levels);
  stores();
}

void Emitter::vector_map(const Value& low, const Value& high) {
  const int weight = varying_nodes();
  const bool masked = target_.masked && weight >= kVast;
  const int streamed = pick_streamed(masked);
  const int aligned = streamed < 0 ? pick_aligned() : streamed;
  const Value head = aligned < 0 ? Value() : elements_before_aligned(aligned, low, high);
  if (masked) {
    s_.streamed = streamed;
    single_masked_loop(low, high, head);
    s_.streamed = -1;
    return;
  }
  const Shape tail{target_.masked ? kVectorWidth : 1, 1, {}, {}};
  Value at = low;
  if (!head.empty()) at = map_loop(tail, low, t_.def("add i64 {}, {}", low, head));
  const int vectors = unrolling(weight, target_.masked);
  s_.streamed = streamed;
  at = map_loop(Shape{kVectorWidth, vectors, {}, {}}, at, high);
  if (vectors > 1 && !target_.masked) at = map_loop(Shape{kVectorWidth, 1, {}, {}}, at, high);
  s_.streamed = -1;
  map_loop(tail, at, high);
}

// Whole vectors only, except that the last one is cut where masks are cheap and there is one vector per round: that is
// how tails are done.
Value Emitter::map_loop(const Shape& shape, const Value& low, const Value& high) {
  shape_ = shape;
  const bool masked = target_.masked && shape.width > 1 && shape.count == 1;
  const int step = shape.width * shape.count;
  Loop loop(t_, {{"i64", low}});
  const Value limit = masked || step == 1 ? high : t_.def("sub i64 {}, {}", high, step - 1);
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], limit));
  Value next;
  if (masked) {
    const Value left = t_.def("sub i64 {}, {}", high, loop[0]);
    const Value count = minimum(left, fmt::format("{}", step));
    set_masks(count);
    next = t_.def("add i64 {}, {}", loop[0], count);
  } else {
    next = t_.def("add i64 {}, {}", loop[0], step);
  }
  element_body(loop[0]);
  loop.close({next});
  return loop[0];
}

// `head`: how many elements come before the first aligned one; empty when alignment does not matter.
void Emitter::single_masked_loop(const Value& low, const Value& high, const Value& head) {
  shape_ = Shape{kVectorWidth, 1, {}, {}};
  const std::string width = fmt::format("{}", kVectorWidth);
  Value first = width;
  if (!head.empty()) first = t_.def("select i1 {}, i64 {}, i64 {}", t_.def("icmp sgt i64 {}, 0", head), head, width);
  const Value first_end = minimum(t_.def("add i64 {}, {}", low, first), high);
  Loop loop(t_, {{"i64", low}, {"i64", first_end}});
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], high));
  const Value count = t_.def("sub i64 {}, {}", loop[1], loop[0]);
  set_masks(count);
  if (!head.empty()) shape_.full = t_.def("icmp eq i64 {}, {}", count, width);
  element_body(loop[0]);
  loop.close({loop[1], minimum(t_.def("add i64 {}, {}", loop[1], width), high)});
}

// Only one output can be aligned by peeling; the others may lie differently.
int Emitter::pick_streamed(bool masked) const {
  for (const Store& store : s_.stage->stores) {
    const KernelBuffer& buffer = k_.buffers[static_cast<size_t>(k_.accesses[static_cast<size_t>(store.access)].buffer)];
    if (buffer.streaming && buffer.role == BufferRole::output &&
        (is_contiguous(store.access) || (!masked && is_pair(store.access) && is_first(store.access))) &&
        access_level(store.access) == s_.levels)
      return store.access;
  }
  return -1;
}

// A stencil loads several vectors around the one that it stores: each that lies across two lines takes twice the time. Where
// rows are whole lines, those above and below are aligned with the one that is stored.
int Emitter::pick_aligned() const {
  const auto walks = [this](int access) { return is_contiguous(access) && access_level(access) == s_.levels; };
  if (s_.stage->stores.size() != 1 || !walks(s_.stage->stores[0].access)) return -1;
  for (size_t buffer = 0; buffer < k_.buffers.size(); ++buffer) {
    int loads = 0;
    for (const ScalarNode& node : s_.stage->body)
      if (node.op == ScalarOp::load && walks(static_cast<int>(node.imm)) &&
          k_.accesses[static_cast<size_t>(node.imm)].buffer == static_cast<int>(buffer))
        ++loads;
    if (loads >= kStencil) return s_.stage->stores[0].access;
  }
  return -1;
}

Value Emitter::elements_before_aligned(int access, const Value& low, const Value& high) {
  const DType dtype = k_.buffers[static_cast<size_t>(k_.accesses[static_cast<size_t>(access)].buffer)].dtype;
  const int size = size_of(dtype);
  const int parts = is_pair(access) ? 2 : 1;
  const Value& row = s_.pointers[static_cast<size_t>(access)][static_cast<size_t>(s_.levels) - 1];
  const Value address = t_.def("ptrtoint ptr {} to i64",
                               element(memory_type(dtype), row, parts == 1 ? low : t_.def("shl i64 {}, 1", low)));
  const Value missing =
      t_.def("and i64 {}, {}", t_.def("sub i64 0, {}", address), std::min(64, size * parts * kVectorWidth) - 1);
  const Value elements = t_.def("lshr i64 {}, {}", missing, std::countr_zero(static_cast<unsigned>(size * parts)));
  const Value all = t_.def("sub i64 {}, {}", high, low);
  if (parts == 1) return minimum(elements, all);
  // Pairs need be aligned as numbers only; then no vector of them ever is.
  const Value apart = t_.def("icmp ne i64 {}, 0", t_.def("and i64 {}, {}", address, size * parts - 1));
  return t_.def("select i1 {}, i64 {}, i64 {}", apart, all, minimum(elements, all));
}

}  // namespace tandem::llvm
