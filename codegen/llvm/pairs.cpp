// Complex numbers in memory: their parts lie in turn. Where both parts of contiguous ones are read (or written) by a stage,
// vectors of pairs are read and taken apart, instead of one gather for each part. Likewise where every second element is
// read, with nothing read beyond the last one.
#include <utility>

#include "codegen/llvm/emitter.h"

namespace tandem::llvm {

namespace {

// "<32 x i32> <i32 0, i32 2, ...>": lanes first, first + step ... of two vectors side by side.
std::string lanes_from(int count, auto&& lane) {
  std::string out = fmt::format("<{} x i32> <", count);
  for (int k = 0; k < count; ++k) fmt::format_to(std::back_inserter(out), "{}i32 {}", k ? ", " : "", lane(k));
  return out + ">";
}

}  // namespace

void Emitter::find_partners() {
  const size_t count = k_.accesses.size();
  s_.partner.assign(count, -1);
  s_.parts_loaded.assign(count, {});
  if (k_.vector_axis < 0) return;
  const auto candidate = [&](size_t a, int64_t offset) {
    const Access& access = k_.accesses[a];
    return s_.used_access[a] && s_.partner[a] < 0 && !is_scratch(static_cast<int>(a)) && access.gathers.empty() &&
           access.strides[static_cast<size_t>(k_.vector_axis)].is(2) && access.offset.is(offset);
  };
  for (size_t a = 0; a < count; ++a) {
    if (!candidate(a, 0)) continue;
    for (size_t b = 0; b < count; ++b) {
      const Access &first = k_.accesses[a], &second = k_.accesses[b];
      if (!candidate(b, 1) || first.buffer != second.buffer || first.strides != second.strides) continue;
      s_.partner[a] = static_cast<int>(b);
      s_.partner[b] = static_cast<int>(a);
      break;
    }
  }
}

Value Emitter::pair_mask(const Value& mask) {
  const std::string i1 = vector_of("i1", shape_.width);
  return t_.def("shufflevector {0} {1}, {0} poison, {2}", i1, mask,
                lanes_from(2 * shape_.width, [](int k) { return k / 2; }));
}

std::vector<Value> Emitter::load_pair(int number, DType dtype, int level) {
  std::vector<Value>& known = s_.parts_loaded[static_cast<size_t>(number)];
  if (!known.empty()) return std::exchange(known, {});
  const int other = s_.partner[static_cast<size_t>(number)], first = is_first(number) ? number : other;
  if (s_.pointers[static_cast<size_t>(first)][static_cast<size_t>(level)].empty()) step_pointer(first, level);
  const Value& pointer = s_.pointers[static_cast<size_t>(first)][static_cast<size_t>(level)];
  const std::string_view scalar = memory_type(dtype);
  const int width = shape_.width;
  const std::string vector = vector_of(scalar, 2 * width);
  std::vector<Value> parts[2];
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    const Value place = element(scalar, pointer, fmt::format("{}", 2 * chunk * width));
    prefetch(place, 2 * width * size_of(dtype));
    Value both;
    if (shape_.masks.empty())
      both = t_.def("load {}, ptr {}, align {}", vector, place, size_of(dtype));
    else
      both = t_.def("call {0} @llvm.masked.load.{1}.p0(ptr {2}, i32 {3}, <{4} x i1> {5}, {0} zeroinitializer)", vector,
                    suffix_of(scalar, 2 * width), place, size_of(dtype), 2 * width,
                    pair_mask(shape_.masks[static_cast<size_t>(chunk)]));
    for (int part = 0; part < 2; ++part)
      parts[part].push_back(ops_.from_memory(dtype, width,
                                             t_.def("shufflevector {0} {1}, {0} poison, {2}", vector, both,
                                                    lanes_from(width, [part](int k) { return 2 * k + part; }))));
  }
  const int part = is_first(number) ? 0 : 1;
  s_.parts_loaded[static_cast<size_t>(other)] = std::move(parts[1 - part]);
  return std::move(parts[part]);
}

bool Emitter::is_every_second(int number) const {
  const Access& access = access_of(number);
  return k_.vector_axis >= 0 && !is_scratch(number) && !is_pair(number) &&
         k_.buffers[static_cast<size_t>(access.buffer)].role == BufferRole::input &&
         access.strides[static_cast<size_t>(k_.vector_axis)].is(2) && !gathers_lanes(access);
}

// The elements between those that are wanted are there, but not after the last lane.
Value Emitter::half_mask(int chunk, int half) {
  if (!half_masks_.empty()) return half_masks_[2 * static_cast<size_t>(chunk) + static_cast<size_t>(half)];
  const int width = shape_.width;
  return t_.def("shufflevector {0} {1}, {0} poison, {2}", vector_of("i1", width),
                shape_.masks[static_cast<size_t>(chunk)],
                lanes_from(width, [&](int k) { return (half * width + k + 1 - half) / 2; }));
}

// The masks of a tile of columns are the same for all of its rows.
void Emitter::find_half_masks() {
  std::vector<Value> masks;
  for (int chunk = 0; chunk < shape_.count; ++chunk)
    for (int half = 0; half < 2; ++half) masks.push_back(half_mask(chunk, half));
  half_masks_ = std::move(masks);
}

// Two vectors, of which the second one begins with the last element of the first: together they end at the last lane.
Value Emitter::load_every_second(DType dtype, const Value& pointer, int chunk) {
  const std::string_view scalar = memory_type(dtype);
  const int width = shape_.width;
  const std::string vector = vector_of(scalar, width);
  Value halves[2];
  for (int half = 0; half < 2; ++half) {
    const Value place = element(scalar, pointer, fmt::format("{}", 2 * chunk * width + half * (width - 1)));
    if (half == 0) prefetch(place, 2 * width * size_of(dtype));
    halves[half] =
        shape_.masks.empty()
            ? t_.def("load {}, ptr {}, align {}", vector, place, size_of(dtype))
            : t_.def("call {0} @llvm.masked.load.{1}.p0(ptr {2}, i32 {3}, <{4} x i1> {5}, {0} zeroinitializer)", vector,
                     suffix_of(scalar, width), place, size_of(dtype), width, half_mask(chunk, half));
  }
  return t_.def("shufflevector {0} {1}, {0} {2}, {3}", vector, halves[0], halves[1],
                lanes_from(width, [width](int k) { return k < width / 2 ? 2 * k : 2 * k + 1; }));
}

void Emitter::store_pair(const Store& one, const Store& another) {
  const Store &re = is_first(one.access) ? one : another, &im = is_first(one.access) ? another : one;
  const DType dtype = s_.stage->body[static_cast<size_t>(re.value)].dtype;
  const Value& pointer = s_.pointers[static_cast<size_t>(re.access)][static_cast<size_t>(s_.levels)];
  const std::string_view scalar = memory_type(dtype);
  const int width = shape_.width;
  const std::string vector = vector_of(scalar, width);
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    const Value first = ops_.to_memory(dtype, width, operand(re.value, chunk, true));
    const Value second = ops_.to_memory(dtype, width, operand(im.value, chunk, true));
    const Value both = t_.def("shufflevector {0} {1}, {0} {2}, {3}", vector, first, second,
                              lanes_from(2 * width, [width](int k) { return k / 2 + k % 2 * width; }));
    const Value mask = shape_.masks.empty() ? Value() : pair_mask(shape_.masks[static_cast<size_t>(chunk)]);
    store_vector(both, element(scalar, pointer, fmt::format("{}", 2 * chunk * width)), mask, scalar, size_of(dtype),
                 2 * width, re.access == s_.streamed);
  }
}

}  // namespace tandem::llvm
