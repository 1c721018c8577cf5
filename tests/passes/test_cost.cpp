#include "passes/cost.h"

#include <catch2/catch.hpp>

using namespace tandem;

namespace {

// out[i] = op of one element, or of two, with given strides.
double cost_of(ScalarOp op, DType dtype, int64_t stride) {
  Kernel k;
  k.axes = {{{false, 0}}};
  k.vector_axis = 0;
  k.buffers = {{dtype, BufferRole::input}, {dtype, BufferRole::output}};
  k.accesses = {{0, {}, {Coef{stride <= 2, stride}}, {}}, {1, {}, {Coef{true, 1}}, {}}};
  Stage stage;
  stage.body = {{ScalarOp::load, dtype, -1, -1, -1, 0}, {op, dtype, 0, 0}};
  stage.stores = {{1, 1}};
  k.stages = {stage};
  return nanoseconds_per_point(k);
}

}  // namespace

TEST_CASE("costs follow what is read, how, and what is done with it") {
  CHECK(cost_of(ScalarOp::add, DType::f64, 1) > 1.5 * cost_of(ScalarOp::add, DType::f32, 1));
  CHECK(cost_of(ScalarOp::add, DType::f32, 2) > cost_of(ScalarOp::add, DType::f32, 1));
  CHECK(cost_of(ScalarOp::add, DType::f32, 3) > 2 * cost_of(ScalarOp::add, DType::f32, 2));
  CHECK(cost_of(ScalarOp::add, DType::f32, 0) < cost_of(ScalarOp::add, DType::f32, 1));
  CHECK(cost_of(ScalarOp::div, DType::f32, 1) > cost_of(ScalarOp::add, DType::f32, 1));
}

TEST_CASE("what runs once for every outer point costs nothing per point") {
  Kernel k;
  k.axes = {{{false, 0}}, {{false, 1}}};
  k.outer_rank = 1;
  k.vector_axis = 1;
  k.buffers = {{DType::f32, BufferRole::input}, {DType::f32, BufferRole::output}};
  k.accesses = {{0, {}, {Coef{false, 2}, Coef{true, 1}}, {}}, {1, {}, {Coef{true, 1}, Coef{true, 0}}, {}}};
  Stage sum, once;
  sum.body = {{ScalarOp::load, DType::f32, -1, -1, -1, 0}};
  sum.reductions = {{ReduceKind::sum, 0}};
  k.stages = {sum};
  const double alone = nanoseconds_per_point(k);
  once.inner = false;
  once.body = {{ScalarOp::result, DType::f32}, {ScalarOp::div, DType::f32, 0, 0}};
  once.stores = {{1, 1}};
  k.stages.push_back(once);
  CHECK(nanoseconds_per_point(k) == alone);
}
