// Random kernels: shapes, modes, access patterns and bodies. The interpreter and every LLVM target agree bit for bit.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>

#include "cases.h"
#include "tests/ir/real_dtypes.h"

namespace tandem::test {

namespace {

// Those that arithmetic is done in.
constexpr auto kCompute = [] {
  std::array<DType, kRealDTypeCount - 2> list{};
  size_t n = 0;
  for (const DTypeInfo& row : kRealDTypes)
    if (!is_half(row.dtype)) list[n++] = row.dtype;
  return list;
}();

enum class Mode { flat, row, column, split, scalar };

template <class T, size_t N>
T pick(Random& random, const T (&list)[N]) {
  return list[random() % N];
}
DType compute_dtype(Random& random) { return kCompute[random() % kCompute.size()]; }
DType any_dtype(Random& random) { return kRealDTypes[random() % kRealDTypeCount].dtype; }

// Grows a body by random nodes over what it already has.
class Grower {
 public:
  Grower(Body& body, Random& random) : body_(body), random_(random) {}
  void offer(Scalar value) { pool_.push_back(value); }

  // Some value of the dtype: one at hand, cast from another, or a constant.
  Scalar any(DType dtype) {
    if (!pool_.empty()) {
      for (int attempt = 0; attempt < 6; ++attempt) {
        const Scalar value = pool_[random_() % pool_.size()];
        if (value.dtype == dtype) return value;
      }
      if (random_() % 4 != 0) return pool_[random_() % pool_.size()].cast(dtype);
    }
    return body_.b.constant(dtype, static_cast<double>(random_() % 9) - 4);
  }

  void grow(int nodes) {
    for (int k = 0; k < nodes; ++k) offer(one());
  }

 private:
  Scalar one() {
    const DType dtype = compute_dtype(random_);
    const bool is_float = is_floating(dtype);
    const auto node = [&](ScalarOp op, Scalar a, Scalar b = {}, Scalar c = {}) {
      return body_.b.emit(op, dtype, a.id, b.id, c.id);
    };
    using enum ScalarOp;
    switch (random_() % 9) {
      case 0: return node(pick(random_, {neg, abs}), any(dtype));
      case 1:
      case 2: return node(pick(random_, {add, sub, mul, div}), any(dtype), any(dtype));
      case 3: return node(pick(random_, {min, max}), any(dtype), any(dtype));
      case 4: {
        const Scalar a = any(dtype), b = any(dtype);
        return body_.b.emit(pick(random_, {eq, ne, lt, le}), DType::boolean, a.id, b.id);
      }
      case 5: {
        const DType chosen = any_dtype(random_);
        return tandem::select(any(DType::boolean), any(chosen), any(chosen));
      }
      case 6: return any(any_dtype(random_)).cast(any_dtype(random_));
      case 7:
        if (is_float) return node(pick(random_, {sqrt, floor, ceil, trunc, round}), any(dtype));
        return node(pick(random_, {bit_and, bit_or, bit_xor}), any(dtype), any(dtype));
      default:
        if (is_float) return tandem::fma(any(dtype), any(dtype), any(dtype));
        if (dtype == DType::boolean) return node(bit_not, any(dtype));
        if (random_() % 2) return node(rem, any(dtype), any(dtype));
        const Scalar amount = any(dtype);
        return node(pick(random_, {shl, shr, shr_logical}), any(dtype),
                    amount & amount.constant(8 * size_of(dtype) - 1));
    }
  }
  template <size_t N>
  static ScalarOp pick(Random& random, const ScalarOp (&list)[N]) {
    return list[random() % N];
  }

  Body& body_;
  Random& random_;
  std::vector<Scalar> pool_;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Case make() {
    choose_axes();
    const int scratch_count = mode_ == Mode::flat ? 0 : chance(3) ? 1 : 0;
    const int stages = static_cast<int>(1 + random_() % 3);
    for (int k = 0; k < stages; ++k) {
      const bool last = k + 1 == stages;
      const bool once = mode_ != Mode::flat && results_.size() > 0 && chance(3);
      add_stage(once, !once && mode_ != Mode::flat && (!last || chance(2)), last, scratch_count > 0 && !once);
    }
    Random filling(random_());
    c_.fill(filling, chance(2));
    return std::move(c_);
  }

 private:
  bool chance(int one_in) { return random_() % static_cast<uint64_t>(one_in) == 0; }

  void choose_axes() {
    constexpr int64_t kShort[] = {0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 129};
    constexpr int64_t kLong[] = {1, 100, 1000, 4095, 4096, 4097, 8192, 10000, 12289, 20000};
    constexpr Mode kModes[] = {Mode::flat,   Mode::row,    Mode::row,   Mode::row,
                               Mode::column, Mode::column, Mode::split, Mode::scalar};
    mode_ = pick(random_, kModes);
    Kernel& k = c_.kernel;
    const auto size = [&] { return pick(random_, kShort); };
    const auto axis = [&](int64_t extent) { c_.axis(extent, random_() % 4 != 0); };
    if (mode_ == Mode::flat) {
      axis(chance(2) ? pick(random_, kLong) : size());
      k.vector_axis = 0;
      return;
    }
    if (mode_ == Mode::split) {
      const int64_t n = pick(random_, kLong);
      k.outer_rank = static_cast<int>(1 + random_() % 2);
      if (k.outer_rank == 2) axis(1 + static_cast<int64_t>(random_() % 3));
      axis((n + kBlockOrder.block - 1) / kBlockOrder.block);
      axis(n);
      k.split = true;
      k.vector_axis = k.outer_rank;
      return;
    }
    k.outer_rank = static_cast<int>(random_() % 4);
    if (mode_ == Mode::column) k.outer_rank = std::max(1, k.outer_rank);
    int inner = static_cast<int>(random_() % 4);
    if (mode_ == Mode::row) inner = std::max(1, inner);
    int64_t points = 1;
    for (int a = 0; a < k.outer_rank + inner; ++a) {
      const bool last = a + 1 == k.outer_rank + inner;
      const bool wide = mode_ == Mode::column ? a + 1 == k.outer_rank : last;
      int64_t extent =
          wide ? (mode_ == Mode::row && k.outer_rank + inner < 3 && chance(3) ? pick(random_, kLong) : size())
               : static_cast<int64_t>(random_() % 6);
      if (mode_ == Mode::column && inner == 1 && last && chance(4)) extent = 4100;
      if (points * std::max<int64_t>(extent, 1) > 60000) extent = 2;
      points *= std::max<int64_t>(extent, 1);
      axis(extent);
    }
    if (mode_ == Mode::row) k.vector_axis = k.outer_rank + inner - 1;
    if (mode_ == Mode::column) k.vector_axis = k.outer_rank - 1;
    int64_t inner_points = 1;
    for (int a = k.outer_rank; a < k.outer_rank + inner; ++a) inner_points *= c_.extents[static_cast<size_t>(a)];
    k.single_block = inner_points <= kBlockOrder.block && chance(2);
    if (mode_ == Mode::scalar && chance(3)) k.order = kTreeOrder, k.single_block = false;
  }

  // Row-major strides over the axes up to `rank`, the others 0; the split block axis has none in inner stages.
  std::vector<int64_t> dense(size_t rank, bool skip_block) const {
    std::vector<int64_t> strides(c_.extents.size());
    int64_t next = 1;
    for (size_t a = rank; a-- > 0;) {
      if (skip_block && c_.kernel.split && a + 1 == static_cast<size_t>(c_.kernel.outer_rank)) continue;
      strides[a] = next;
      next *= std::max<int64_t>(c_.extents[a], 1);
    }
    return strides;
  }

  std::vector<int64_t> input_strides(bool inner) {
    const size_t rank = inner ? c_.extents.size() : static_cast<size_t>(c_.kernel.outer_rank);
    std::vector<int64_t> strides = dense(rank, true);
    switch (random_() % 6) {
      case 0:
      case 1:
      case 2: break;
      case 3:  // broadcast
        for (int64_t& s : strides) s = chance(2) ? 0 : s;
        break;
      case 4:  // reversed or spread
        for (int64_t& s : strides) s *= chance(2) ? -1 : 3;
        break;
      default: std::reverse(strides.begin(), strides.begin() + static_cast<ptrdiff_t>(rank));
    }
    if (c_.kernel.split) strides[static_cast<size_t>(c_.kernel.outer_rank) - 1] = 0;
    int64_t reach = 0;
    for (size_t a = 0; a < strides.size(); ++a) reach += std::abs(strides[a]) * c_.extents[a];
    return reach < 1'000'000 ? strides : dense(rank, true);
  }

  void add_stage(bool once, bool collects, bool last, bool uses_scratch) {
    Stage stage;
    stage.inner = !once;
    Body body;
    Grower grower(body, random_);
    const size_t rank = once ? static_cast<size_t>(c_.kernel.outer_rank) : c_.extents.size();
    for (size_t a = 0; a < rank; ++a)
      if (chance(4)) grower.offer(body.index(static_cast<int>(a)));
    if (!c_.vals.empty() && chance(4)) grower.offer(body.extent(0));
    for (int k = 0; k < static_cast<int>(1 + random_() % 3); ++k) {
      const DType dtype = any_dtype(random_);
      if (chance(4)) {
        for (const int access : pair(c_.buffer(dtype, BufferRole::input), input_strides(!once)))
          grower.offer(body.load(access, dtype));
        continue;
      }
      const int access = c_.access(c_.buffer(dtype, BufferRole::input), input_strides(!once), chance(2),
                                   static_cast<int64_t>(random_() % 3));
      if (chance(4)) {
        const auto extent = static_cast<int64_t>(1 + random_() % 50);
        Scalar index = grower.any(DType::i64);
        if (!chance(5)) index = rem(abs(index), index.constant(static_cast<double>(extent)));
        c_.gather(access, index.id, static_cast<int64_t>(random_() % 4), extent, chance(2));
      }
      grower.offer(body.load(access, dtype));
    }
    for (size_t k = 0; k < results_.size(); ++k)
      if (chance(2)) grower.offer(body.result(static_cast<int>(k), results_[k]));
    if (uses_scratch && scratch_ >= 0) {
      const DType dtype =
          c_.kernel.buffers[static_cast<size_t>(c_.kernel.accesses[static_cast<size_t>(scratch_)].buffer)].dtype;
      grower.offer(body.load(scratch_, dtype));
    }
    const bool scans = collects && c_.extents.size() == static_cast<size_t>(c_.kernel.outer_rank) + 1 && chance(4);
    std::vector<Scan> carries;
    const size_t reductions = collects ? 1 + random_() % 2 : 0;
    if (scans) {
      for (size_t k = 0; k < 1 + random_() % 2; ++k) {
        const DType dtype = any_dtype(random_);
        carries.push_back({-1, static_cast<int64_t>(constant_bits_of(dtype, 1)), dtype});
        grower.offer(body.result(static_cast<int>(results_.size() + reductions + k), dtype));
      }
    }
    grower.grow(static_cast<int>(chance(3) ? 20 + random_() % 20 : random_() % 8));
    for (size_t k = 0; k < reductions; ++k) {
      constexpr ReduceKind kKinds[] = {ReduceKind::sum, ReduceKind::sum,    ReduceKind::prod,  ReduceKind::max,
                                       ReduceKind::min, ReduceKind::argmax, ReduceKind::argmin};
      stage.reductions.push_back({pick(random_, kKinds), grower.any(compute_dtype(random_)).id});
    }
    for (Scan& scan : carries) {
      scan.next = grower.any(scan.dtype).id;
      stage.scans.push_back(scan);
    }
    if (uses_scratch && !last) {
      const DType dtype = any_dtype(random_);
      scratch_ = c_.scratch_access(c_.buffer(dtype, BufferRole::scratch));
      stage.stores.push_back({scratch_, grower.any(dtype).id});
    }
    if (last || once || stage.stores.empty() || chance(2)) {
      const DType dtype = any_dtype(random_);
      std::vector<int64_t> strides = dense(rank, !once);
      if (chance(4)) {  // elements stay distinct: the order of stores to one place is not defined
        const int64_t spread = chance(2) ? 2 : 1;
        for (int64_t& s : strides) s *= chance(2) ? -spread : spread;
      }
      const int out = c_.buffer(dtype, BufferRole::output, chance(3));
      if (chance(3)) {
        for (const int access : pair(out, strides)) stage.stores.push_back({access, grower.any(dtype).id});
        stage.body = body.b.take();
        finish(std::move(stage));
        return;
      }
      stage.stores.push_back(
          {c_.access(out, strides, chance(2), static_cast<int64_t>(random_() % 3)), grower.any(dtype).id});
    }
    stage.body = body.b.take();
    finish(std::move(stage));
  }

  // The parts of complex numbers.
  std::array<int, 2> pair(int buffer, std::vector<int64_t> strides) {
    for (int64_t& stride : strides) stride *= 2;
    const int first = c_.access(buffer, strides);
    return {first, c_.access(buffer, strides, false, 1)};
  }

  void finish(Stage stage) {
    for (const Reduction& r : stage.reductions) {
      const bool arg = r.kind == ReduceKind::argmax || r.kind == ReduceKind::argmin;
      results_.push_back(arg ? DType::i64 : stage.body[static_cast<size_t>(r.value)].dtype);
    }
    for (const Scan& scan : stage.scans) results_.push_back(scan.dtype);
    c_.kernel.stages.push_back(std::move(stage));
  }

  Random random_;
  Case c_;
  Mode mode_ = Mode::flat;
  std::vector<DType> results_;
  int scratch_ = -1;
};

}  // namespace

void random_kernels(const Sink& sink) {
  const char* start = std::getenv("TANDEM_TEST_SEED");
  const char* rounds = std::getenv("TANDEM_TEST_ROUNDS");
  const uint64_t first = start != nullptr ? std::strtoull(start, nullptr, 10) : 1;
  const uint64_t count = rounds != nullptr ? std::strtoull(rounds, nullptr, 10) : 60;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    sink(Generator(seed).make());
  }
}

}  // namespace tandem::test
