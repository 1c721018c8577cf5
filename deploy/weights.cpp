#include "deploy/weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <utility>

#include "deploy/json.h"

namespace tandem::deploy {

namespace {

// In the format's order of alignment: a file holds tensors of a later dtype first.
constexpr std::array<std::pair<std::string_view, DType>, 14> kCodes{{{"BOOL", DType::boolean},
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

Weight weight_from(const std::string& name, const Json& entry, bool in_pairs, size_t start, size_t length) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
    broken("an entry is incomplete");
  const Json &dtype = entry["dtype"], &shape = entry["shape"], &place = entry["data_offsets"];
  if (!dtype.is_string() || !shape.is_array() || !place.is_array() || place.size() != 2)
    broken("an entry is malformed");
  const auto found = std::find_if(kCodes.begin(), kCodes.end(), [&dtype](const auto& row) {
    return row.first == dtype.get_ref<const std::string&>();
  });
  if (found == kCodes.end()) broken("a dtype is unknown");
  if (in_pairs && (found->second != DType::f64 || shape.empty() || shape.back() != 2))
    broken("complex numbers are no pairs");
  Weight weight{name, in_pairs ? DType::c128 : found->second, {}, 0, 0};
  const size_t axes = shape.size() - (in_pairs ? 1 : 0);
  if (axes > kMaxRank) broken("a tensor has too many axes");
  int64_t bytes = size_of(weight.dtype);
  for (size_t k = 0; k < axes; ++k) {
    weight.sizes.push_back(size_from(shape[k]));
    if (__builtin_mul_overflow(bytes, weight.sizes[static_cast<int>(k)], &bytes)) broken("a shape is too large");
  }
  const int64_t begin = size_from(place[0]), end = size_from(place[1]);
  if (end < begin || static_cast<uint64_t>(end) > length || end - begin != bytes)
    broken("a tensor lies outside or has another size");
  if (begin % size_of(real_type(weight.dtype)) != 0) broken("a tensor is not aligned");
  weight.offset = start + static_cast<size_t>(begin);
  weight.bytes = static_cast<size_t>(bytes);
  return weight;
}

// The format has no complex128: those are pairs of float64, and the metadata names them.
std::set<std::string> pairs_in(const Json& entries) {
  std::set<std::string> names;
  const auto texts = entries.find("__metadata__");
  if (texts == entries.end() || !texts->is_object()) return names;
  const auto text = texts->find(kPairs);
  if (text == texts->end()) return names;
  if (!text->is_string()) broken("the names of complex numbers are no text");
  const Json listed = parse_json(text->get_ref<const std::string&>(), "the names of complex numbers");
  if (!listed.is_array()) broken("the names of complex numbers are no list");
  for (const Json& name : listed) {
    if (!name.is_string()) broken("the names of complex numbers are no texts");
    names.insert(name.get<std::string>());
  }
  return names;
}

}  // namespace

std::span<const std::pair<std::string_view, DType>> weight_codes() { return kCodes; }

std::vector<Weight> read_weights(std::string_view bytes) {
  uint64_t header = 0;
  if (bytes.size() < sizeof header) broken("they are cut short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header > bytes.size() - sizeof header) broken("their header is cut short");
  const Json entries = parse_json(bytes.substr(sizeof header, header), "the header of the weights");
  if (!entries.is_object()) broken("their header is no object");
  const size_t start = sizeof header + header;
  const std::set<std::string> pairs = pairs_in(entries);
  std::vector<Weight> weights;
  for (const auto& [name, entry] : entries.items()) {
    if (name == "__metadata__") continue;
    weights.push_back(weight_from(name, entry, pairs.contains(name), start, bytes.size() - start));
  }
  std::vector<std::pair<size_t, size_t>> places;
  places.reserve(weights.size());
  for (const Weight& weight : weights) places.emplace_back(weight.offset, weight.offset + weight.bytes);
  std::sort(places.begin(), places.end());
  for (size_t k = 1; k < places.size(); ++k)
    if (places[k].first < places[k - 1].second) broken("tensors overlap");
  return weights;
}

}  // namespace tandem::deploy
