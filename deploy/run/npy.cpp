#include "deploy/run/npy.h"

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace tandem::npy {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// By td_dtype. NumPy has no bfloat16: two bytes without a meaning.
constexpr std::array<std::string_view, 15> kNames{"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8",
                                                  "<u8", "<f2", "|V2", "<f4", "<f8", "<c8", "<c16"};

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw std::runtime_error(path + ": " + what);
}

// What follows `key` in the header, a literal of Python.
std::string_view after(const std::string& path, std::string_view header, std::string_view key) {
  const size_t place = header.find(key);
  if (place == std::string_view::npos) fail(path, "its header lacks " + std::string(key));
  std::string_view rest = header.substr(place + key.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" :"), rest.size()));
  return rest;
}

template <class Visit>
void for_each_place(const td_array& array, int axis, char* element, Visit&& visit) {
  if (axis == array.rank) return visit(element);
  const auto step = static_cast<std::int64_t>(td_dtype_size(array.dtype)) * array.strides[axis];
  for (std::int64_t k = 0; k < array.shape[axis]; ++k) for_each_place(array, axis + 1, element + k * step, visit);
}

}  // namespace

File read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(path, "there is no such file");
  std::array<char, 12> head{};
  in.read(head.data(), 10);
  if (!in || std::string_view(head.data(), kMagic.size()) != kMagic) fail(path, "it is no .npy file");
  uint32_t length = 0;
  if (head[6] > 1) {
    in.read(head.data() + 10, 2);
    std::memcpy(&length, head.data() + 8, 4);
  } else {
    std::memcpy(&length, head.data() + 8, 2);
  }
  constexpr uint32_t kLongest = 1 << 20;
  if (length > kLongest) fail(path, "its header is too long");
  std::string header(length, ' ');
  in.read(header.data(), length);
  File file{};
  const std::string_view descr = after(path, header, "'descr'");
  size_t kind = 0;
  while (kind < kNames.size() && descr.substr(1, kNames[kind].size()) != kNames[kind]) ++kind;
  if (kind == kNames.size()) fail(path, "its elements are of a kind that models do not take: " + std::string(descr));
  file.dtype = static_cast<td_dtype>(kind);
  const bool fortran = after(path, header, "'fortran_order'").substr(0, 4) == "True";
  std::string_view shape = after(path, header, "'shape'");
  size_t count = 1;
  for (shape.remove_prefix(std::min<size_t>(1, shape.size())); !shape.empty() && shape.front() != ')';) {
    std::int64_t size = -1;
    const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), size);
    if (error != std::errc() || size < 0 || file.shape.size() == TD_MAX_RANK) fail(path, "its shape cannot be read");
    file.shape.push_back(size);
    if (__builtin_mul_overflow(count, static_cast<size_t>(size), &count)) fail(path, "its shape is too large");
    shape.remove_prefix(static_cast<size_t>(end - shape.data()));
    shape.remove_prefix(std::min(shape.find_first_not_of(", "), shape.size()));
  }
  if (fortran && file.shape.size() > 1) fail(path, "it is in Fortran order; try np.ascontiguousarray before np.save");
  const std::streampos start = in.tellg();
  in.seekg(0, std::ios::end);
  const auto bytes = static_cast<size_t>(in.tellg() - start);
  if (bytes / td_dtype_size(file.dtype) < count) fail(path, "it is cut short");
  in.seekg(start);
  file.elements.resize(count * td_dtype_size(file.dtype));
  in.read(file.elements.data(), static_cast<std::streamsize>(file.elements.size()));
  if (!in) fail(path, "it cannot be read");
  return file;
}

void write(const std::string& path, const td_array& array) {
  std::string shape;
  for (std::int32_t k = 0; k < array.rank; ++k) shape += std::to_string(array.shape[k]) + ", ";
  if (array.rank > 1) shape.resize(shape.size() - 2);
  std::string header =
      "{'descr': '" + std::string(kNames[array.dtype]) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  constexpr size_t kHead = 10, kAlignment = 64;
  header.append(kAlignment - (kHead + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  const auto length = static_cast<uint16_t>(header.size());
  out << kMagic << '\x01' << '\0';
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out << header;
  const size_t size = td_dtype_size(array.dtype);
  for_each_place(array, 0, static_cast<char*>(array.data),
                 [&](const char* element) { out.write(element, static_cast<std::streamsize>(size)); });
  out.close();
  if (!out) fail(path, "it cannot be written");
}

}  // namespace tandem::npy
