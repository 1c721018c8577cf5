// Lanes and block partials in memory. A unit is what one lane holds: a scalar in row mode, a tile of columns in column
// mode; all code here follows the present shape.
#include "codegen/llvm/emitter.h"

namespace tandem::llvm {

std::vector<Value> Emitter::part_slots(std::string_view stem, int64_t units) {
  std::vector<Value> slots;
  const int64_t elements = units * shape_.width * shape_.count;
  for (const Part& part : s_.parts) slots.push_back(slot(stem, memory_type(part.dtype), elements));
  return slots;
}

std::vector<Value> Emitter::load_unit(const Value& memory, DType dtype, const Value& unit) {
  const std::string_view type = memory_type(dtype);
  const Value start = element(type, memory, times(unit, fmt::format("{}", shape_.width * shape_.count)));
  std::vector<Value> values;
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    const Value place = element(type, start, fmt::format("{}", chunk * shape_.width));
    const Value loaded = t_.def("load {}, ptr {}, align {}", vector_of(type, shape_.width), place, size_of(dtype));
    values.push_back(ops_.from_memory(dtype, shape_.width, loaded));
  }
  return values;
}

void Emitter::store_unit(const Value& memory, DType dtype, const Value& unit, const std::vector<Value>& values) {
  const std::string_view type = memory_type(dtype);
  const Value start = element(type, memory, times(unit, fmt::format("{}", shape_.width * shape_.count)));
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    const Value place = element(type, start, fmt::format("{}", chunk * shape_.width));
    const Value value = ops_.to_memory(dtype, shape_.width, values[static_cast<size_t>(chunk)]);
    t_.op("store {} {}, ptr {}, align {}", vector_of(type, shape_.width), value, place, size_of(dtype));
  }
}

std::vector<Value> Emitter::load_units(const std::vector<Value>& memory, const Value& unit) {
  std::vector<Value> values;
  for (size_t p = 0; p < s_.parts.size(); ++p)
    for (Value& value : load_unit(memory[p], s_.parts[p].dtype, unit)) values.push_back(std::move(value));
  return values;
}

void Emitter::store_units(const std::vector<Value>& memory, const Value& unit, const std::vector<Value>& values) {
  const auto count = static_cast<ptrdiff_t>(shape_.count);
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const auto first = values.begin() + static_cast<ptrdiff_t>(p) * count;
    store_unit(memory[p], s_.parts[p].dtype, unit, {first, first + count});
  }
}

void Emitter::set_results(const std::vector<Value>& values) {
  const auto count = static_cast<ptrdiff_t>(shape_.count);
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const Part& part = s_.parts[p];
    if (is_arg(s_.stage->reductions[part.reduction]) && !part.is_index) continue;
    const size_t result = s_.first_result + part.reduction;
    const auto first = values.begin() + static_cast<ptrdiff_t>(p) * count;
    store_unit(result_slots_[result], result_types_[result], "0", {first, first + count});
  }
}

// Lanes of the block that starts at inner point `first`. Lanes that no element will reach stay unset: combining with an
// identity would change nothing.
void Emitter::init_lanes(const Value& first) {
  const Value left = t_.def("sub i64 {}, {}", total_, first);
  const Value count = minimum(left, fmt::format("{}", k_.order.lanes));
  Loop loop(t_, {{"i64", "0"}});
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], count));
  const Value start = k_.split ? plus(first, low_) : first;  // as absolute as the indices of argmax
  store_units(lane_slots_, loop[0], identities(shape_, DType::i64, plus(start, loop[0])));
  loop.close({t_.def("add i64 {}, 1", loop[0])});
}

// The tree over the lanes of a block of `length` points; lanes from `length` on take no part.
void Emitter::flush_lanes(const Value& first, const Value& length) {
  if (k_.order.lanes > 1) {
    const Value used = minimum(length, fmt::format("{}", k_.order.lanes));
    Loop halves(t_, {{"i64", fmt::format("{}", k_.order.lanes / 2)}, {"i64", used}});
    halves.enter(t_.def("icmp sgt i64 {}, 0", halves[0]));
    const Value upper = t_.def("sub i64 {}, {}", halves[1], halves[0]);  // how many have a partner; maybe negative
    Loop pairs(t_, {{"i64", "0"}});
    pairs.enter(t_.def("icmp slt i64 {}, {}", pairs[0], upper));
    const Value partner = t_.def("add i64 {}, {}", pairs[0], halves[0]);
    const std::vector<Value> low = load_units(lane_slots_, pairs[0]);
    store_units(lane_slots_, pairs[0], combine(shape_, DType::i64, low, load_units(lane_slots_, partner)));
    pairs.close({t_.def("add i64 {}, 1", pairs[0])});
    halves.close({t_.def("lshr i64 {}, 1", halves[0]), minimum(halves[1], halves[0])});
  }
  const std::vector<Value> partial = load_units(lane_slots_, "0");
  if (one_block()) {
    set_results(partial);
    return;
  }
  const Value number = t_.def("load i64, ptr {}", blocks_slot_);
  push_partial(partial, number);
  t_.op("store i64 {}, ptr {}", t_.def("add i64 {}, 1", number), blocks_slot_);
  init_lanes(plus(first, length));
}

void Emitter::flush_if_complete(const Value& position) {
  if (one_block()) return;
  const Value rest = t_.def("urem i64 {}, {}", position, k_.order.block);
  If complete(t_, t_.def("icmp eq i64 {}, 0", rest));
  const std::string block = fmt::format("{}", k_.order.block);
  flush_lanes(t_.def("sub i64 {}, {}", position, block), block);
  complete.close();
}

void Emitter::flush_rest() {
  if (one_block()) {
    flush_lanes("0", total_);
    return;
  }
  const Value rest = t_.def("urem i64 {}, {}", total_, k_.order.block);
  If some(t_, t_.def("icmp ne i64 {}, 0", rest));
  flush_lanes(t_.def("sub i64 {}, {}", total_, rest), rest);
  some.close();
  finish_stack(t_.def("load i64, ptr {}", blocks_slot_));
}

// A binary counter: partial `number` is merged with the top of the stack as often as `number` has trailing ones; the
// stack then holds one entry per one bit.
void Emitter::push_partial(const std::vector<Value>& partial, const Value& number) {
  const Value height = t_.def("call i64 @llvm.ctpop.i64(i64 {})", number);
  std::vector<Carried> state = carried(shape_, DType::i64, partial);
  state.insert(state.begin(), {{"i64", number}, {"i64", height}});
  Loop merge(t_, state);
  merge.enter(t_.def("trunc i64 {} to i1", merge[0]));
  const Value top = t_.def("add i64 {}, -1", merge[1]);
  std::vector<Value> next = combine(shape_, DType::i64, load_units(stack_slots_, top), merge.values(2));
  next.insert(next.begin(), {t_.def("lshr i64 {}, 1", merge[0]), top});
  merge.close(next);
  store_units(stack_slots_, merge[1], merge.values(2));
}

void Emitter::finish_stack(const Value& blocks) {
  const Value height = t_.def("call i64 @llvm.ctpop.i64(i64 {})", blocks);
  const Value top = t_.def("add i64 {}, -1", height);
  std::vector<Carried> state = carried(shape_, DType::i64, load_units(stack_slots_, top));
  state.insert(state.begin(), {"i64", top});
  Loop merge(t_, state);
  merge.enter(t_.def("icmp sgt i64 {}, 0", merge[0]));
  const Value below = t_.def("add i64 {}, -1", merge[0]);
  std::vector<Value> next = combine(shape_, DType::i64, load_units(stack_slots_, below), merge.values(1));
  next.insert(next.begin(), below);
  merge.close(next);
  set_results(merge.values(1));
}

}  // namespace tandem::llvm
