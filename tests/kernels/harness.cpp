#include "harness.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "codegen/backend.h"

namespace tandem::test {

namespace {

constexpr size_t kGuard = 256;  // bytes around each buffer that nobody may change

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

bool is_nan(DType dtype, const char* place) {
  if (!is_floating(dtype)) return false;
  uint64_t bits = 0;
  std::memcpy(&bits, place, static_cast<size_t>(size_of(dtype)));
  switch (dtype) {
    case DType::f16: return (bits & 0x7fff) > 0x7c00;
    case DType::bf16: return (bits & 0x7fff) > 0x7f80;
    case DType::f32: return (bits & 0x7fffffff) > 0x7f800000;
    default: return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
  }
}

double ordinary(Random& random) { return std::ldexp(static_cast<double>(static_cast<int64_t>(random())), -62) * 8; }

int64_t special(DType dtype, Random& random) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double values[] = {0.0,    -0.0,    1.0,  -1.0,    infinity, -infinity, std::nan(""), 1e-310,
                           1e-40,  -1e-7,   6e-8, 65519.9, 65520.0,  -65536.0,  2147483648.0, -2147483649.0,
                           9.3e18, -9.3e18, 0.5,  1.5,     2.5,      127.5,     255.5,        1e30};
  if (is_floating(dtype)) return constant_bits_of(dtype, values[random() % std::size(values)]);
  const int64_t integers[] = {0,          1,           -1,        2,         127,     -128,         255,
                              2147483647, -2147483648, INT64_MAX, INT64_MIN, 1 << 24, (1 << 24) + 1};
  return integers[random() % std::size(integers)];
}

}  // namespace

int Case::buffer(DType dtype, BufferRole role, bool streaming) {
  kernel.buffers.push_back({dtype, role, streaming});
  first.push_back(0);
  last.push_back(0);
  aliases.push_back(-1);
  return static_cast<int>(kernel.buffers.size()) - 1;
}

int Case::axis(int64_t extent, bool at_run_time) {
  kernel.axes.push_back({coef(extent, at_run_time)});
  extents.push_back(extent);
  return static_cast<int>(extents.size()) - 1;
}

int Case::access(int buffer, const std::vector<int64_t>& strides, bool at_run_time, int64_t offset) {
  Access a{buffer, coef(offset, at_run_time), {}, {}};
  int64_t low = offset, high = offset;
  for (size_t k = 0; k < strides.size(); ++k) {
    a.strides.push_back(coef(strides[k], at_run_time && strides[k] != 0 && strides[k] != 1));
    const int64_t reach = strides[k] * std::max<int64_t>(extents[k] - 1, 0);
    low += std::min<int64_t>(reach, 0);
    high += std::max<int64_t>(reach, 0);
  }
  const auto at = static_cast<size_t>(buffer);
  first[at] = std::min(first[at], low);
  last[at] = std::max(last[at], high);
  kernel.accesses.push_back(std::move(a));
  return static_cast<int>(kernel.accesses.size()) - 1;
}

int Case::scratch_access(int buffer) {
  kernel.accesses.push_back({buffer, literal(0), {}, {}});
  return static_cast<int>(kernel.accesses.size()) - 1;
}

void Case::gather(int access, int value, int64_t stride, int64_t extent, bool at_run_time) {
  Access& a = kernel.accesses[static_cast<size_t>(access)];
  a.gathers.push_back({value, coef(stride, at_run_time && stride != 1), coef(extent, at_run_time)});
  const auto at = static_cast<size_t>(a.buffer);
  const int64_t reach = stride * (extent - 1);
  first[at] += std::min<int64_t>(reach, 0);
  last[at] += std::max<int64_t>(reach, 0);
}

void Case::fill(Random& random, bool specials) {
  data.clear();
  for (size_t k = 0; k < kernel.buffers.size(); ++k) {
    const DType dtype = kernel.buffers[k].dtype;
    const auto size = static_cast<size_t>(size_of(dtype));
    const auto count = static_cast<size_t>(last[k] - first[k] + 1);
    std::vector<char> bytes(count * size + 2 * kGuard);
    for (size_t e = 0; e < count; ++e) {
      int64_t bits =
          is_floating(dtype) ? constant_bits_of(dtype, ordinary(random)) : static_cast<int64_t>(random() % 200) - 100;
      if (dtype == DType::boolean)
        bits = static_cast<int64_t>(random() % 3);  // any nonzero byte is true
      else if (specials && random() % 4 == 0)
        bits = special(dtype, random);
      std::memcpy(bytes.data() + kGuard + e * size, &bits, size);
    }
    data.push_back(std::move(bytes));
  }
}

Outcome execute(Backend& backend, const Case& c, int cuts) {
  Outcome out{c.data, false};
  std::vector<void*> ptrs;
  // Vectors end at odd addresses on purpose: nothing but the element size may be assumed.
  for (size_t k = 0; k < c.kernel.buffers.size(); ++k) {
    if (c.kernel.buffers[k].role == BufferRole::scratch) continue;
    const size_t owner = c.aliases[k] < 0 ? k : static_cast<size_t>(c.aliases[k]);
    ptrs.push_back(out.data[owner].data() + kGuard - c.first[owner] * size_of(c.kernel.buffers[owner].dtype));
  }
  const int64_t* vals = c.vals.data();
  const int64_t range = parallel_range(c.kernel, vals);
  const auto bytes = static_cast<size_t>(scratch_bytes(c.kernel, vals));
  std::vector<char> memory(bytes + 64 + kGuard, char{0x55});
  char* scratch = memory.data() + round_up(reinterpret_cast<intptr_t>(memory.data()), 64) -
                  reinterpret_cast<intptr_t>(memory.data());
  const auto compiled = backend.compile(c.kernel, {.symbol = "test"});
  int64_t status[2] = {0, 0};
  for (int cut = 0; cut < cuts; ++cut)
    compiled->run(range * cut / cuts, range * (cut + 1) / cuts, ptrs.data(), vals, scratch, status);
  out.failed_gather = status[0] != 0;
  for (size_t k = 0; k < 64; ++k) REQUIRE(scratch[bytes + k] == char{0x55});
  return out;
}

std::string difference(const Case& c, const Outcome& expected, const Outcome& got) {
  if (expected.failed_gather != got.failed_gather) return "one of them reports an index out of range";
  for (size_t k = 0; k < c.data.size(); ++k) {
    const DType dtype = c.kernel.buffers[k].dtype;
    const auto size = static_cast<size_t>(size_of(dtype));
    for (size_t at = 0; at < c.data[k].size(); at += size) {
      const char* a = expected.data[k].data() + at;
      const char* b = got.data[k].data() + at;
      if (std::memcmp(a, b, size) == 0 || (is_nan(dtype, a) && is_nan(dtype, b))) continue;
      uint64_t x = 0, y = 0;
      std::memcpy(&x, a, size);
      std::memcpy(&y, b, size);
      return fmt::format(
          "buffer {} ({}) element {}: expected {:x}, got {:x}", k, info(dtype).text,
          (static_cast<int64_t>(at) - static_cast<int64_t>(kGuard)) / static_cast<int64_t>(size) + c.first[k], x, y);
    }
  }
  return {};
}

const std::vector<std::pair<std::string, std::unique_ptr<Backend>>>& native_backends() {
  static const auto backends = [] {
    std::vector<std::pair<std::string, std::unique_ptr<Backend>>> list;
    INFO(llvm::module_problem());
    REQUIRE(llvm::module_problem().empty());
    for (const llvm::Isa isa : llvm::runnable_targets())
      list.emplace_back(llvm::target_of(isa).name, llvm::make_backend(llvm::target_of(isa)));
    return list;
  }();
  return backends;
}

void check_agreement(const Case& c) {
  INFO(to_text(c.kernel));
  INFO("vals " << fmt::format("{}", fmt::join(c.vals, " ")) << "; extents "
               << fmt::format("{}", fmt::join(c.extents, " ")));
  verify(c.kernel);
  const Outcome expected = execute(interpreter(), c, 1);
  for (const auto& [name, backend] : native_backends()) {
    for (const int cuts : {1, 3}) {
      const Outcome got = execute(*backend, c, cuts);
      const std::string problem = difference(c, expected, got);
      INFO(name << ", " << cuts << " pieces: " << problem
                << (problem.empty() ? "" : "\n" + backend->text(c.kernel, "llvm")));
      REQUIRE(problem.empty());
    }
  }
}

}  // namespace tandem::test
