// Reductions over a vectorised row: the 32 lanes of a block are two vectors in registers.
#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>

#include "codegen/llvm/emitter.h"
#include "ir/scalar.h"

namespace tandem::llvm {

namespace {

// Heavier bodies are compiled once, masked, instead of once for whole pairs of vectors and once for the rest.
constexpr int kHeavy = 10;
constexpr int kVectors = 2;
constexpr int kIndexVectors = 8;  // of argmax and argmin, and half as many of elements of 8 bytes
static_assert(kVectors * kVectorWidth == kBlockOrder.lanes);

int64_t identity_bits(ReduceKind kind, DType dtype) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case ReduceKind::sum: return 0;
    case ReduceKind::prod: return constant_bits_of(dtype, 1);
    case ReduceKind::max:
    case ReduceKind::argmax: return constant_bits_of(dtype, dtype == DType::boolean ? 0 : -kInfinity);
    case ReduceKind::min:
    case ReduceKind::argmin: return constant_bits_of(dtype, kInfinity);
  }
  return 0;
}

ScalarOp operation(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::sum: return ScalarOp::add;
    case ReduceKind::prod: return ScalarOp::mul;
    case ReduceKind::max:
    case ReduceKind::argmax: return ScalarOp::max;
    case ReduceKind::min:
    case ReduceKind::argmin: break;
  }
  return ScalarOp::min;
}

}  // namespace

// What lanes start from, before anything was added. The index of a lane that starts at `position` is that of its first
// element, so that a row of nothing but the identity (-inf for argmax) gives its first element.
std::vector<Value> Emitter::identities(const Shape& shape, DType index_type, const Value& position) {
  std::vector<Value> values;
  const Shape now = shape_;
  shape_ = shape;
  for (const Part& part : s_.parts) {
    for (int chunk = 0; chunk < shape.count; ++chunk) {
      if (!part.is_index) {
        values.push_back(
            literal(part.dtype, identity_bits(s_.stage->reductions[part.reduction].kind, part.dtype), shape.width));
      } else if (index_type == DType::i32) {
        values.push_back(iota("i32", chunk));  // lanes are neighbours, relative to the block
      } else {
        values.push_back(ops_.splat("i64", shape.width, position));  // lanes are other columns
      }
    }
  }
  shape_ = now;
  return values;
}

std::vector<Value> Emitter::combine(const Shape& shape, DType index_type, const std::vector<Value>& earlier,
                                    const std::vector<Value>& later, bool in_order) {
  std::vector<Value> values(earlier.size());
  const auto count = static_cast<size_t>(shape.count);
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const Part& part = s_.parts[p];
    const ReduceKind kind = s_.stage->reductions[part.reduction].kind;
    const int width = shape.width;
    const DType dtype = part.dtype;
    if (part.is_index) continue;
    for (size_t v = p * count; v < (p + 1) * count; ++v) {
      const Value& a = earlier[v];
      const Value& b = later[v];
      if (kind == ReduceKind::sum || kind == ReduceKind::prod) {
        values[v] = ops_.emit(operation(kind), dtype, dtype, width, a, b, {});
        continue;
      }
      if (kind == ReduceKind::max || kind == ReduceKind::min) {
        values[v] = ops_.emit(operation(kind), dtype, dtype, width, b, a, {});
        continue;
      }
      // argmax, argmin: the later one wins if it is better, or as good and further left.
      const std::string i1 = vector_of("i1", width);
      const std::string type = type_of(dtype, width);
      const std::string index = vector_of(register_type(index_type), width);
      const size_t at = v + count;
      const auto both = [&](std::string_view op, const Value& x, const Value& y) {
        return t_.def("{} {} {}, {}", op, i1, x, y);
      };
      const auto less = [&](const Value& x, const Value& y) {
        return ops_.emit(ScalarOp::lt, DType::boolean, dtype, width, x, y, {});
      };
      const auto choose = [&](const Value& take) {
        values[v] = t_.def("select {} {}, {} {}, {} {}", i1, take, type, b, type, a);
        values[at] = t_.def("select {} {}, {} {}, {} {}", i1, take, index, later[at], index, earlier[at]);
      };
      if (in_order) {
        // Nothing that comes later is further left, so of equals, and of NaNs, the earlier one stays.
        if (!is_floating(dtype)) {
          choose(kind == ReduceKind::argmax ? less(a, b) : less(b, a));
          continue;
        }
        const Value beaten = t_.def("fcmp {} {} {}, {}", kind == ReduceKind::argmax ? "ult" : "ugt", type, a, b);
        choose(both("and", beaten, t_.def("fcmp ord {} {}, {}", type, a, a)));
        continue;
      }
      Value better = kind == ReduceKind::argmax ? less(a, b) : less(b, a);
      Value equal = ops_.emit(ScalarOp::eq, DType::boolean, dtype, width, a, b, {});
      if (is_floating(dtype)) {
        const Value a_nan = t_.def("fcmp uno {} {}, {}", type, a, a);
        const Value b_nan = t_.def("fcmp uno {} {}, {}", type, b, b);
        const Value a_number = t_.def("xor {} {}, {}", i1, a_nan, literal(DType::boolean, 1, width));
        better = both("or", better, both("and", b_nan, a_number));
        equal = both("or", equal, both("and", a_nan, b_nan));
      }
      const Value left = t_.def("icmp slt {} {}, {}", index, later[at], earlier[at]);
      choose(both("or", better, both("and", equal, left)));
    }
  }
  return values;
}

// `position` of the first lane: relative to the block for i32 indices, whose lanes are neighbours.
std::vector<Value> Emitter::contribution(DType index_type, const Value& position) {
  std::vector<Value> values;
  for (const Part& part : s_.parts) {
    const int node = s_.stage->reductions[part.reduction].value;
    Value index;
    if (part.is_index) {
      const bool narrow = index_type == DType::i32;
      index = ops_.splat(register_type(index_type), shape_.width,
                         narrow ? t_.def("trunc i64 {} to i32", position) : position);
    }
    for (int chunk = 0; chunk < shape_.count; ++chunk) {
      if (!part.is_index)
        values.push_back(operand(node, chunk, true));
      else if (index_type == DType::i32)
        values.push_back(t_.def("add {} {}, {}", vector_of("i32", shape_.width), index, iota("i32", chunk)));
      else
        values.push_back(index);
    }
  }
  return values;
}

std::vector<Carried> Emitter::carried(const Shape& shape, DType index_type, const std::vector<Value>& values) const {
  std::vector<Carried> list;
  for (size_t k = 0; k < values.size(); ++k) {
    const Part& part = s_.parts[k / static_cast<size_t>(shape.count)];
    list.push_back({type_of(part_type(part, index_type), shape.width), values[k]});
  }
  return list;
}

void Emitter::reduce_stage() {
  emit_level(0);
  const Shape scalar;
  if (one_block()) {
    const std::vector<Value> values = reduce_block(low_, high_);
    shape_ = scalar;
    set_results(values);
    return;
  }
  stack_slots_ = part_slots("stack", kStackUnits);
  Loop blocks(t_, {{"i64", low_}, {"i64", "0"}});
  blocks.enter(t_.def("icmp slt i64 {}, {}", blocks[0], high_));
  const Value next = t_.def("add i64 {}, {}", blocks[0], k_.order.block);
  const std::vector<Value> partial = reduce_block(blocks[0], minimum(next, high_));
  shape_ = scalar;
  push_partial(partial, blocks[1]);
  blocks.close({next, t_.def("add i64 {}, 1", blocks[1])});
  finish_stack(blocks[1]);
}

std::vector<Value> Emitter::reduce_block(const Value& low, const Value& high) {
  const Shape pair{kVectorWidth, kVectors, {}, {}};
  std::vector<Value> sums = identities(pair, DType::i32, "0");
  if (target_.masked && varying_nodes() >= kHeavy) return combine_lanes(rotating_tail(sums, low, low, high), low);
  Value at = low;
  if (finds_indices()) {
    const bool large = std::ranges::any_of(s_.parts, [](const Part& p) { return !p.is_index && size_of(p.dtype) > 4; });
    const int most = large ? kIndexVectors / 2 : kIndexVectors;
    const Shape wide{kVectorWidth, most, {}, {}};
    std::tie(sums, at) = whole_vectors(wide, identities(wide, DType::i32, "0"), low, low, high);
    for (int count = most; count > kVectors; count /= 2) sums = halved(sums, count);
  }
  std::tie(sums, at) = whole_vectors(pair, sums, low, at, high);
  sums = target_.masked ? rotating_tail(sums, low, at, high) : scalar_tail(sums, low, at, high);
  return combine_lanes(sums, low);
}

// The extreme element is the same one in whatever order they are compared, so more of them are on the way at a time.
bool Emitter::finds_indices() const {
  return std::ranges::all_of(s_.stage->reductions, [this](const Reduction& r) { return is_arg(r); });
}

// From `from` on, as long as all lanes of `shape` have an element; returns where it stopped, too.
std::pair<std::vector<Value>, Value> Emitter::whole_vectors(const Shape& shape, const std::vector<Value>& sums,
                                                            const Value& base, const Value& from, const Value& high) {
  const int step = shape.width * shape.count;
  std::vector<Carried> state = carried(shape, DType::i32, sums);
  state.insert(state.begin(), {"i64", from});
  Loop loop(t_, state);
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], t_.def("sub i64 {}, {}", high, step - 1)));
  shape_ = shape;
  element_body(loop[0]);
  const Value position = t_.def("sub i64 {}, {}", loop[0], base);
  std::vector<Value> next = combine(shape, DType::i32, loop.values(1), contribution(DType::i32, position), true);
  next.insert(next.begin(), t_.def("add i64 {}, {}", loop[0], step));
  loop.close(next);
  return {loop.values(1), loop[0]};
}

// The second half of `count` vectors combined with the first one.
std::vector<Value> Emitter::halved(const std::vector<Value>& values, int count) {
  std::vector<Value> earlier, later;
  for (size_t k = 0; k < values.size(); ++k)
    (static_cast<int>(k) % count < count / 2 ? earlier : later).push_back(values[k]);
  return combine(Shape{kVectorWidth, count / 2, {}, {}}, DType::i32, earlier, later);
}

// One masked vector a round. The two halves of the lanes change places each round, so that the same code serves both.
std::vector<Value> Emitter::rotating_tail(const std::vector<Value>& sums, const Value& base, const Value& from,
                                          const Value& high) {
  const Shape pair{kVectorWidth, kVectors, {}, {}};
  const Shape single{kVectorWidth, 1, {}, {}};
  std::vector<Carried> state = carried(pair, DType::i32, sums);
  state.insert(state.begin(), {"i64", from});
  Loop loop(t_, state);
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], high));
  shape_ = single;
  set_masks(minimum(t_.def("sub i64 {}, {}", high, loop[0]), fmt::format("{}", kVectorWidth)));
  element_body(loop[0]);
  const std::vector<Value> now = loop.values(1);
  std::vector<Value> due;
  for (size_t k = 0; k < now.size(); k += kVectors) due.push_back(now[k]);
  const Value position = t_.def("sub i64 {}, {}", loop[0], base);
  const std::vector<Value> added = combine(single, DType::i32, due, contribution(DType::i32, position), true);
  std::vector<Value> next{t_.def("add i64 {}, {}", loop[0], kVectorWidth)};
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const std::string type = type_of(part_type(s_.parts[p], DType::i32), kVectorWidth);
    next.push_back(now[p * kVectors + 1]);
    next.push_back(
        t_.def("select <{} x i1> {}, {} {}, {} {}", kVectorWidth, shape_.masks[0], type, added[p], type, due[p]));
  }
  loop.close(next);
  const Value rounds = t_.def("and i64 {}, {}", t_.def("sub i64 {}, {}", loop[0], from), kVectorWidth);
  const Value swapped = t_.def("icmp ne i64 {}, 0", rounds);
  std::vector<Value> result = loop.values(1);
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const std::string type = type_of(part_type(s_.parts[p], DType::i32), kVectorWidth);
    const Value first = result[p * kVectors], second = result[p * kVectors + 1];
    result[p * kVectors] = t_.def("select i1 {}, {} {}, {} {}", swapped, type, second, type, first);
    result[p * kVectors + 1] = t_.def("select i1 {}, {} {}, {} {}", swapped, type, first, type, second);
  }
  return result;
}

// Without masks: the lanes go to memory and the rest is added one element at a time.
std::vector<Value> Emitter::scalar_tail(const std::vector<Value>& sums, const Value& base, const Value& from,
                                        const Value& high) {
  const Value before = t_.block();
  const Value some = t_.fresh("rest"), done = t_.fresh("done");
  t_.branch(t_.def("icmp slt i64 {}, {}", from, high), some, done);
  t_.begin_block(some);
  const auto memory = [&](const Part& part) { return memory_type(part_type(part, DType::i32)); };
  std::vector<Value> lanes;
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    lanes.push_back(slot("lanes", memory(s_.parts[p]), kBlockOrder.lanes));
    for (size_t v = 0; v < kVectors; ++v) {
      const DType dtype = part_type(s_.parts[p], DType::i32);
      const Value value = ops_.to_memory(dtype, kVectorWidth, sums[p * kVectors + v]);
      t_.op("store <{} x {}> {}, ptr {}", kVectorWidth, memory(s_.parts[p]), value,
            element(memory(s_.parts[p]), lanes[p], fmt::format("{}", v * kVectorWidth)));
    }
  }
  Loop loop(t_, {{"i64", from}});
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], high));
  shape_ = Shape{};
  element_body(loop[0]);
  const Value position = t_.def("sub i64 {}, {}", loop[0], base);
  const Value lane = t_.def("and i64 {}, {}", position, kBlockOrder.lanes - 1);
  std::vector<Value> places, now;
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const Part& part = s_.parts[p];
    places.push_back(element(memory(part), lanes[p], lane));
    now.push_back(ops_.from_memory(part_type(part, DType::i32), 1, t_.def("load {}, ptr {}", memory(part), places[p])));
  }
  std::vector<Value> mine = contribution(DType::i32, position);
  const std::vector<Value> added = combine(shape_, DType::i32, now, mine, true);
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const DType dtype = part_type(s_.parts[p], DType::i32);
    t_.op("store {} {}, ptr {}", memory(s_.parts[p]), ops_.to_memory(dtype, 1, added[p]), places[p]);
  }
  loop.close({t_.def("add i64 {}, 1", loop[0])});
  std::vector<Value> reloaded;
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    for (size_t v = 0; v < kVectors; ++v) {
      const std::string_view type = memory(s_.parts[p]);
      const Value place = element(type, lanes[p], fmt::format("{}", v * kVectorWidth));
      const Value loaded = t_.def("load <{} x {}>, ptr {}", kVectorWidth, type, place);
      reloaded.push_back(ops_.from_memory(part_type(s_.parts[p], DType::i32), kVectorWidth, loaded));
    }
  }
  const Value after = t_.block();
  t_.jump(done);
  t_.begin_block(done);
  std::vector<Value> result;
  for (size_t k = 0; k < sums.size(); ++k) {
    const std::string type = type_of(part_type(s_.parts[k / kVectors], DType::i32), kVectorWidth);
    result.push_back(t_.def("phi {} [ {}, {} ], [ {}, {} ]", type, sums[k], before, reloaded[k], after));
  }
  return result;
}

bool Emitter::reduces_whole_groups() const { return varying_nodes() < kHeavy; }

// Inner points from `from` on, the first of which meets lane 0, in registers, as long as all lanes have one before
// `limit`; returns where it stopped. `row`: the position of the inner axis.
Value Emitter::reduce_whole_groups(const Value& from, const Value& limit, const Value& row) {
  const Shape pair{kVectorWidth, kVectors, {}, {}};
  shape_ = pair;
  const std::vector<Value> sums = load_units(lane_slots_, "0");
  std::vector<Carried> state = carried(pair, DType::i64, sums);
  state.insert(state.begin(), {"i64", from});
  Loop loop(t_, state);
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], t_.def("sub i64 {}, {}", limit, kBlockOrder.lanes - 1)));
  element_body(loop[0]);
  std::vector<Value> mine = contribution(DType::i64, plus(row, loop[0]));
  for (size_t k = 0; k < mine.size(); ++k)
    if (s_.parts[k / kVectors].is_index)
      mine[k] =
          t_.def("add {} {}, {}", vector_of("i64", kVectorWidth), mine[k], iota("i64", static_cast<int>(k % kVectors)));
  std::vector<Value> next = combine(pair, DType::i64, loop.values(1), mine, true);
  next.insert(next.begin(), t_.def("add i64 {}, {}", loop[0], kBlockOrder.lanes));
  loop.close(next);
  store_units(lane_slots_, "0", loop.values(1));
  return loop[0];
}

// The tree over the lanes; an index becomes absolute: `base` is where the block starts.
std::vector<Value> Emitter::combine_lanes(const std::vector<Value>& sums, const Value& base) {
  const size_t count = s_.parts.size();
  std::vector<Value> earlier, later;
  for (size_t p = 0; p < count; ++p) {
    earlier.push_back(sums[p * kVectors]);
    later.push_back(sums[p * kVectors + 1]);
  }
  std::vector<Value> now = combine(Shape{kVectorWidth, 1, {}, {}}, DType::i32, earlier, later);
  const auto numbers = [](int first, int n) {
    std::string out = "<";
    for (int k = 0; k < n; ++k) out += fmt::format("{}i32 {}", k ? ", " : "", first + k);
    return out + ">";
  };
  for (int half = kVectorWidth / 2; half >= 1; half /= 2) {
    for (size_t p = 0; p < count; ++p) {
      const std::string type = type_of(part_type(s_.parts[p], DType::i32), 2 * half);
      const auto part = [&](int first) {
        if (half == 1) return t_.def("extractelement {} {}, i32 {}", type, now[p], first);
        return t_.def("shufflevector {0} {1}, {0} poison, <{2} x i32> {3}", type, now[p], half, numbers(first, half));
      };
      earlier[p] = part(0);
      later[p] = part(half);
    }
    now = combine(Shape{half, 1, {}, {}}, DType::i32, earlier, later);
  }
  for (size_t p = 0; p < count; ++p)
    if (s_.parts[p].is_index) now[p] = plus(base, t_.def("zext i32 {} to i64", now[p]));
  return now;
}

}  // namespace tandem::llvm
