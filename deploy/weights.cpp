#include "deploy/weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "deploy/json.h"

namespace tandem::deploy {

namespace {

constexpr std::array<std::pair<std::string_view, DType>, 14> kNames{{{"BOOL", DType::boolean},
                                                                     {"U8", DType::u8},
                                                                     {"I8", DType::i8},
                                                                     {"I16", DType::i16},
                                                                     {"U16", DType::u16},
                                                                     {"F16", DType::f16},
                                                                     {"BF16", DType::bf16},
                                                                     {"I32", DType::i32},
                                                                     {"U32", DType::u32},
                                                                     {"F32", DType::f32},
                                                                     {"C64", DType::c64},
                                                                     {"F64", DType::f64},
                                                                     {"I64", DType::i64},
                                                                     {"U64", DType::u64}}};

[[noreturn]] void broken(std::string_view what) {
  throw_error(ErrorKind::serialization, "load: got weights that are damaged: {}", what);
}

int64_t size_from(const Json& value) {
  if (!value.is_number_unsigned()) broken("a size is no number");
  const auto size = value.get<uint64_t>();
  if (size > INT64_MAX) broken("a size is too large");
  return static_cast<int64_t>(size);
}

Weight weight_from(const std::string& name, const Json& entry, size_t start, size_t length) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
    broken("an entry is incomplete");
  const Json &dtype = entry["dtype"], &shape = entry["shape"], &place = entry["data_offsets"];
  if (!dtype.is_string() || !shape.is_array() || !place.is_array() || place.size() != 2)
    broken("an entry is malformed");
  const auto found = std::find_if(kNames.begin(), kNames.end(), [&dtype](const auto& row) {
    return row.first == dtype.get_ref<const std::string&>();
  });
  if (found == kNames.end()) broken("a dtype is unknown");
  Weight weight{name, found->second, {}, 0, 0};
  if (shape.size() > kMaxRank) broken("a tensor has too many axes");
  int64_t bytes = size_of(weight.dtype);
  for (const Json& size : shape) {
    weight.sizes.push_back(size_from(size));
    if (__builtin_mul_overflow(bytes, weight.sizes[weight.sizes.size() - 1], &bytes)) broken("a shape is too large");
  }
  const int64_t begin = size_from(place[0]), end = size_from(place[1]);
  if (end < begin || static_cast<uint64_t>(end) > length || end - begin != bytes)
    broken("a tensor lies outside or has another size");
  if (begin % size_of(real_type(weight.dtype)) != 0) broken("a tensor is not aligned");
  weight.offset = start + static_cast<size_t>(begin);
  weight.bytes = static_cast<size_t>(bytes);
  return weight;
}

}  // namespace

std::vector<Weight> read_weights(std::string_view bytes) {
  uint64_t header = 0;
  if (bytes.size() < sizeof header) broken("they are cut short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header > bytes.size() - sizeof header) broken("their header is cut short");
  const Json entries = parse_json(bytes.substr(sizeof header, header), "the header of the weights");
  if (!entries.is_object()) broken("their header is no object");
  const size_t start = sizeof header + header;
  std::vector<Weight> weights;
  for (const auto& [name, entry] : entries.items())
    if (name != "__metadata__") weights.push_back(weight_from(name, entry, start, bytes.size() - start));
  std::vector<std::pair<size_t, size_t>> places;
  places.reserve(weights.size());
  for (const Weight& weight : weights) places.emplace_back(weight.offset, weight.offset + weight.bytes);
  std::sort(places.begin(), places.end());
  for (size_t k = 1; k < places.size(); ++k)
    if (places[k].first < places[k - 1].second) broken("tensors overlap");
  return weights;
}

}  // namespace tandem::deploy
