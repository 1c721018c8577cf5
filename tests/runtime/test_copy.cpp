#include "runtime/copy.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

using namespace tandem;

namespace {

// Element by element, reading everything first.
void reference(int bytes, const std::vector<int64_t>& sizes, const char* from, const std::vector<int64_t>& from_strides,
               char* to, const std::vector<int64_t>& to_strides) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  std::vector<std::vector<char>> elements;
  for (const bool write : {false, true}) {
    for (int64_t flat = 0; flat < count; ++flat) {
      int64_t rest = flat, source = 0, target = 0;
      for (size_t axis = sizes.size(); axis-- > 0;) {
        source += rest % sizes[axis] * from_strides[axis];
        target += rest % sizes[axis] * to_strides[axis];
        rest /= sizes[axis];
      }
      if (write)
        std::memcpy(to + target * bytes, elements[static_cast<size_t>(flat)].data(), static_cast<size_t>(bytes));
      else
        elements.emplace_back(from + source * bytes, from + (source + 1) * bytes);
    }
  }
}

// Distinct places: a random order of axes, some with gaps, some backwards.
std::vector<int64_t> layout(const std::vector<int64_t>& sizes, std::mt19937& random, int64_t& offset, int64_t& extent) {
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  std::vector<int64_t> strides(sizes.size());
  int64_t step = 1;
  offset = 0;
  for (const size_t axis : order) {
    if (random() % 4 == 0) step += 1 + static_cast<int64_t>(random() % 2);
    strides[axis] = step;
    step *= std::max<int64_t>(sizes[axis], 1);
    if (random() % 4 == 0) {
      offset += (std::max<int64_t>(sizes[axis], 1) - 1) * strides[axis];
      strides[axis] = -strides[axis];
    }
  }
  extent = step + 1;
  return strides;
}

}  // namespace

TEST_CASE("copies agree with the element-wise definition") {
  std::mt19937 random(1);
  for (int trial = 0; trial < 400; ++trial) {
    const int bytes = 1 << (random() % 4);
    std::vector<int64_t> sizes(random() % 6);
    for (int64_t& size : sizes) size = static_cast<int64_t>(random() % (trial % 3 == 0 ? 30 : 5)) + (trial % 7 != 0);
    if (sizes.size() > 4)
      for (int64_t& size : sizes) size = std::min<int64_t>(size, 6);
    int64_t from_offset, from_extent, to_offset, to_extent;
    std::vector<int64_t> from_strides = layout(sizes, random, from_offset, from_extent);
    const std::vector<int64_t> to_strides = layout(sizes, random, to_offset, to_extent);
    if (!sizes.empty() && random() % 3 == 0) {  // broadcast
      const size_t axis = random() % sizes.size();
      if (from_strides[axis] > 0) from_strides[axis] = 0;
    }
    const bool overlap = random() % 3 == 0;
    const int64_t total = overlap ? std::max(from_extent, to_extent) + 3 : from_extent + to_extent;
    std::vector<char> memory(static_cast<size_t>(total * bytes));
    for (char& byte : memory) byte = static_cast<char>(random());
    std::vector<char> expected = memory;
    const int64_t from = from_offset * bytes;
    const int64_t to = (to_offset + (overlap ? static_cast<int64_t>(random() % 3) : from_extent)) * bytes;
    reference(bytes, sizes, expected.data() + from, from_strides, expected.data() + to, to_strides);
    copy_strided(bytes, static_cast<int>(sizes.size()), sizes.data(), memory.data() + from, from_strides.data(),
                 memory.data() + to, to_strides.data());
    INFO("trial " << trial);
    REQUIRE(memory == expected);
  }
}

TEST_CASE("every second element, and squares turned around") {
  std::mt19937 random(2);
  for (int bytes = 1; bytes <= 16; bytes *= 2)
    for (const auto& sizes : {std::vector<int64_t>{70, 150}, {64, 64}, {1, 200}, {129, 17}, {3, 65, 40}}) {
      int64_t count = 1;
      for (const int64_t size : sizes) count *= size;
      std::vector<int64_t> rows(sizes.size()), columns(sizes.size()), second(sizes.size()), turned(sizes.size());
      for (size_t axis = sizes.size(), step = 1, back = 1; axis-- > 0; step *= static_cast<size_t>(sizes[axis])) {
        const size_t other = sizes.size() - 1 - axis;
        rows[axis] = static_cast<int64_t>(step);
        second[axis] = 2 * rows[axis];
        columns[other] = static_cast<int64_t>(back);
        turned[other] = 2 * columns[other];
        back *= static_cast<size_t>(sizes[other]);
      }
      for (const auto& from : {second, columns, turned}) {
        std::vector<char> source(static_cast<size_t>((2 * count - 1) * bytes)), got(static_cast<size_t>(count * bytes));
        for (char& byte : source) byte = static_cast<char>(random());
        std::vector<char> want = got;
        reference(bytes, sizes, source.data(), from, want.data(), rows);
        copy_strided(bytes, static_cast<int>(sizes.size()), sizes.data(), source.data(), from.data(), got.data(),
                     rows.data());
        INFO(bytes << " bytes");
        REQUIRE(got == want);
      }
    }
}

TEST_CASE("a repeated row") {
  const int64_t n = 300, sizes[] = {n, n}, repeated[] = {0, 1}, rows[] = {n, 1};
  std::vector<int64_t> from(static_cast<size_t>(n)), to(static_cast<size_t>(n * n));
  std::iota(from.begin(), from.end(), 0);
  copy_strided(8, 2, sizes, from.data(), repeated, to.data(), rows);
  for (int64_t i = 0; i < n * n; ++i) REQUIRE(to[static_cast<size_t>(i)] == i % n);
}

TEST_CASE("large copies and transpositions") {
  const int64_t n = 1111, sizes[] = {n, n}, rows[] = {n, 1}, columns[] = {1, n};
  std::vector<float> from(static_cast<size_t>(n * n)), to(from.size());
  std::iota(from.begin(), from.end(), 0.0f);
  copy_strided(4, 2, sizes, from.data(), columns, to.data(), rows);
  for (int64_t i = 0; i < n; i += 13)
    for (int64_t j = 0; j < n; ++j) REQUIRE(to[static_cast<size_t>(i * n + j)] == from[static_cast<size_t>(j * n + i)]);
  copy_strided(4, 2, sizes, from.data(), rows, to.data(), rows);
  CHECK(to == from);
}

TEST_CASE("contiguous overlapping copies move") {
  std::vector<int32_t> data(1000), expected;
  std::iota(data.begin(), data.end(), 0);
  expected = data;
  std::memmove(expected.data() + 1, expected.data(), 999 * 4);
  const int64_t size = 999, stride = 1;
  copy_strided(4, 1, &size, data.data(), &stride, data.data() + 1, &stride);
  CHECK(data == expected);
}
