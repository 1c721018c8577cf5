// Every scalar primitive on every dtype it allows, on special values: the interpreter and all LLVM targets agree.
#include <algorithm>
#include <array>
#include <cstring>

#include "cases.h"
#include "tests/ir/real_dtypes.h"

namespace tandem::test {

namespace {

constexpr auto kAll = [] {
  std::array<DType, kRealDTypeCount> list{};
  std::transform(kRealDTypes.begin(), kRealDTypes.end(), list.begin(), [](const DTypeInfo& row) { return row.dtype; });
  return list;
}();

Case flat(int64_t n) {
  Case c;
  c.axis(n);
  c.kernel.vector_axis = 0;
  return c;
}

// out[i] = op(in0[i], in1[i], in2[i])
Case pointwise(ScalarOp op, DType dtype, std::vector<DType> operands, int64_t n, Random& random) {
  Case c = flat(n);
  Body body;
  std::vector<int> ids{-1, -1, -1};
  for (size_t k = 0; k < operands.size(); ++k) {
    const int access = c.access(c.buffer(operands[k], BufferRole::input), {1});
    ids[k] = body.load(access, operands[k]).id;
    if (k == 1 && (op == ScalarOp::shl || op == ScalarOp::shr || op == ScalarOp::shr_logical)) {
      const Scalar amount = body.b.at(ids[k]);
      ids[k] = (amount & amount.constant(8 * size_of(dtype) - 1)).id;
    }
  }
  const Scalar value = body.b.emit(op, dtype, ids[0], ids[1], ids[2]);
  const int out = c.access(c.buffer(dtype, BufferRole::output), {1});
  Stage stage;
  stage.stores = {{out, value.id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  c.fill(random, true);
  return c;
}

}  // namespace

void primitives(const Sink& sink) {
  Random random(1);
  using enum ScalarOp;
  for (const DType dtype : kAll) {
    const bool arithmetic = !is_half(dtype);
    const bool is_float = is_floating(dtype) && arithmetic;
    const auto check = [&](ScalarOp op, DType result, std::vector<DType> operands) {
      sink(pointwise(op, result, std::move(operands), 700, random));
    };
    if (arithmetic) {
      for (const ScalarOp op : {neg, abs}) check(op, dtype, {dtype});
      for (const ScalarOp op : {add, sub, mul, div, min, max}) check(op, dtype, {dtype, dtype});
      for (const ScalarOp op : {eq, ne, lt, le}) check(op, DType::boolean, {dtype, dtype});
    }
    if (is_float) {
      for (const ScalarOp op : {sqrt, floor, ceil, trunc, round}) check(op, dtype, {dtype});
      check(fma, dtype, {dtype, dtype, dtype});
    }
    if (!is_floating(dtype)) {
      for (const ScalarOp op : {bit_and, bit_or, bit_xor}) check(op, dtype, {dtype, dtype});
      check(bit_not, dtype, {dtype});
    }
    if (is_integer(dtype))
      for (const ScalarOp op : {rem, shl, shr, shr_logical}) check(op, dtype, {dtype, dtype});
    check(select, dtype, {DType::boolean, dtype, dtype});
  }
}

void casts(const Sink& sink) {
  Random random(2);
  for (const DType from : kAll)
    for (const DType to : kAll) {
      sink(pointwise(ScalarOp::cast, to, {from}, 3000, random));
      if (size_of(from) == size_of(to) && from != DType::boolean && to != DType::boolean)
        sink(pointwise(ScalarOp::bitcast, to, {from}, 300, random));
    }
}

void narrowing(const Sink& sink) {
  Random random(3);
  for (const DType half : {DType::f16, DType::bf16}) {
    Case widen = pointwise(ScalarOp::cast, DType::f32, {half}, 65536, random);
    for (int k = 0; k < 65536; ++k) {
      const auto bits = static_cast<uint16_t>(k);
      std::memcpy(widen.data[0].data() + 256 + 2 * k, &bits, 2);
    }
    sink(widen);
    // Around the midpoint of every pair of neighbours, in f32 and in f64.
    for (const DType wide : {DType::f32, DType::f64}) {
      Case narrow = pointwise(ScalarOp::cast, half, {wide}, 65536 * 5, random);
      for (int k = 0; k < 65536; ++k)
        for (int step = 0; step < 5; ++step) {
          const int64_t single = half == DType::bf16
                                     ? int64_t{k} << 16 | 0x8000
                                     : constant_bits_of(DType::f32, half_to_float(static_cast<uint16_t>(k))) + 0x1000;
          int64_t bits = single + (step - 2);
          if (wide == DType::f64) {
            bits = evaluate(ScalarOp::cast, DType::f64, DType::f32, single & 0xffffffff) + (step - 2);
            if (step == 4) bits += int64_t{1} << 27;  // differs below f32's last bit only
          }
          const size_t size = static_cast<size_t>(size_of(wide));
          std::memcpy(narrow.data[0].data() + 256 + size * static_cast<size_t>(k * 5 + step), &bits, size);
        }
      sink(narrow);
    }
  }
}

void constants(const Sink& sink) {
  Random random(4);
  for (const DType dtype : kAll) {
    for (const int64_t bits : {int64_t{0}, int64_t{1}, int64_t{0x7fc12345}, int64_t{0x3f800000},
                               int64_t{0x7ff8000000000123}, int64_t{-1}, int64_t{0x7e01}}) {
      Case c = flat(40);
      Body body;
      const Scalar value = body.b.constant_bits(dtype, bits);
      const int out = c.access(c.buffer(dtype, BufferRole::output), {1});
      Stage stage;
      stage.stores = {{out, value.id}};
      stage.body = body.b.take();
      c.kernel.stages = {stage};
      c.fill(random, false);
      sink(c);
    }
  }
}

void constant_divisors(const Sink& sink) {
  Random random(5);
  for (const DType dtype : kAll) {
    if (!is_integer(dtype)) continue;
    for (const int64_t divisor : {0, 1, -1, 2, 7, -3, 100})
      for (const ScalarOp op : {ScalarOp::div, ScalarOp::rem}) {
        Case c = flat(100);
        Body body;
        const Scalar x = body.load(c.access(c.buffer(dtype, BufferRole::input), {1}), dtype);
        const Scalar y = body.b.constant_bits(dtype, divisor);
        const Scalar value = body.b.emit(op, dtype, x.id, y.id);
        const int out = c.access(c.buffer(dtype, BufferRole::output), {1});
        Stage stage;
        stage.stores = {{out, value.id}};
        stage.body = body.b.take();
        c.kernel.stages = {stage};
        c.fill(random, true);
        sink(c);
      }
  }
}

}  // namespace tandem::test
