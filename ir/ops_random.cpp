// Random numbers: operations on a counter and a key, both of which are tensors, so that another seed or a later position
// compiles nothing. `random_x` has the numbers of a whole tensor: element i of the row-major order belongs to the counter
// position + i. `random_x_at` has the one of a counter, element by element, and so fuses with whatever reads it.
#include "ir/math_random.h"
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

constexpr NoGrad kNoGradient{"random bits do not depend on its inputs in a differentiable way"};

const AttrSpec kShape{"shape", AttrKind::shape, Attr{std::vector<Dim>{}}};
const AttrSpec kDType{"dtype", AttrKind::dtype, Attr{DType::f32}};

TensorType drawn_words(InferContext& c) {
  for (const TensorType& input : c.inputs)
    if (input.dtype != DType::u64 || input.rank() != 0)
      c.fail(ErrorKind::dtype, "got {} as an input; need u64[]", to_text(input));
  const auto& shape = c.get<std::vector<Dim>>("shape");
  for (const Dim& d : shape)
    if (d.is_constant() && d.constant() < 0)
      c.fail(ErrorKind::shape, "got the shape {}; need sizes of 0 or more", to_text(shape));
  return {DType::u64, shape, {}};
}

TensorType drawn(InferContext& c) { return {c.get<DType>("dtype"), drawn_words(c).shape, {}}; }

void check_words(InferContext& c, size_t count) {
  for (const TensorType& input : c.inputs.first(count))
    if (input.dtype != DType::u64) c.fail(ErrorKind::dtype, "got {} as an input; need dtype uint64", to_text(input));
}

TensorType of_words(InferContext& c) {
  check_words(c, c.inputs.size());
  return broadcast_promote(c);
}

TensorType of_floats(InferContext& c) {
  check_words(c, 2);
  const DType dtype = c.get<DType>("dtype");
  if (!is_floating(dtype)) c.fail(ErrorKind::dtype, "got dtype {}; need a floating-point dtype", info(dtype).name);
  return {dtype, broadcast_promote(c).shape, {}};
}

TensorType drawn_floats(InferContext& c) {
  const TensorType type = drawn(c);
  if (!is_floating(type.dtype))
    c.fail(ErrorKind::dtype, "got dtype {}; need a floating-point dtype", info(type.dtype).name);
  return type;
}

DType dtype_of(const OpDef& op, const Attrs& attrs) { return attr_as<DType>(op, attrs, "dtype"); }

random::Words words(std::span<const Scalar> x) { return random::philox(x[0], x[1], 0); }

// Each with the counter and the key.
Scalar bits_at(std::span<const Scalar> x, const OpDef& op, const Attrs& attrs) {
  const random::Words r = random::philox(x[0], x[1], attr_as<int64_t>(op, attrs, "stream"));
  const bool second = attr_as<bool>(op, attrs, "second");
  return random::joined(r.w[second ? 2 : 0], r.w[second ? 3 : 1]);
}
Scalar uniform_at(std::span<const Scalar> x, const OpDef& op, const Attrs& attrs) {
  const DType dtype = dtype_of(op, attrs);
  return random::uniform(words(x), compute_type(dtype), info(dtype).mantissa);
}
Scalar probability_at(std::span<const Scalar> x, const OpDef& op, const Attrs& attrs) {
  return random::open_uniform(words(x), 0, compute_type(dtype_of(op, attrs)));
}
Scalar normal_at(std::span<const Scalar> x, const OpDef& op, const Attrs& attrs) {
  return random::normal(words(x), compute_type(dtype_of(op, attrs)));
}
Scalar exponential_at(std::span<const Scalar> x, const OpDef& op, const Attrs& attrs) {
  return random::exponential(words(x), compute_type(dtype_of(op, attrs)));
}
Scalar bounded_at(std::span<const Scalar> x, const OpDef&, const Attrs&) { return random::bounded(words(x), x[2]); }
// Parameters in the compute type of their dtype.
Scalar gamma_at(std::span<const Scalar> x, const OpDef& op, const Attrs& attrs) {
  return random::gamma(x[0], x[1], x[2].cast(compute_type(dtype_of(op, attrs))));
}
Scalar poisson_at(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  return random::poisson(x[0], x[1], x[2].cast(DType::f64));
}
Scalar truncated_normal_at(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  return random::truncated_normal(x[0], x[1], x[2].cast(DType::f64), x[3].cast(DType::f64));
}

// The counters of a tensor's elements.
Value counters(Builder& b, Value position, const Shape& shape) {
  Value index = b.emit("iota", {}, {Shape{element_count(shape)}, int64_t{0}, DType::u64});
  return reshape(index, shape) + position;
}

Value counters_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  return counters(b, x[0], attr_as<std::vector<Dim>>(op, attrs, "shape"));
}

// Of bounds without axes, all in one kernel.
Value integers_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  Value counter = counters(b, x[1], attr_as<std::vector<Dim>>(op, attrs, "shape"));
  return cast(b.emit("random_bounded_at", {counter, x[0], x[3]}) + x[2], dtype_of(op, attrs));
}

// The formula of `random_x`: `random_x_at` of the counters, with the attributes after the shape.
Value drawn_at(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const OpDef& at = tandem::op(std::string(op.name) + "_at");
  const std::vector<Value> inputs{counters(b, x[1], attr_as<std::vector<Dim>>(op, attrs, "shape")), x[0]};
  Attrs rest;
  for (const AttrSpec& spec : at.attrs) rest.push_back(attrs[static_cast<size_t>(op.attr_index(spec.name))]);
  return b.emit(at, inputs, std::move(rest));
}

}  // namespace

std::vector<OpDef> random_ops() {
  const std::vector<AttrSpec> bits = {{"stream", AttrKind::integer, Attr{int64_t{0}}},
                                      {"second", AttrKind::boolean, Attr{false}}};
  std::vector<OpDef> at = {
      {.name = "random_bits_at",
       .attrs = bits,
       .infer = of_words,
       .lower = bits_at,
       .doc = "Return the first or second 64 of the 128 random bits of a counter."},
      {.name = "random_uniform_at", .lower = uniform_at, .doc = "Return numbers uniform in [0, 1)."},
      {.name = "random_probability_at",
       .lower = probability_at,
       .doc = "Return numbers uniform in (0, 1], with all digits of small ones."},
      {.name = "random_normal_at", .lower = normal_at, .doc = "Return numbers of the standard normal distribution."},
      {.name = "random_exponential_at",
       .lower = exponential_at,
       .doc = "Return numbers of the exponential distribution with mean 1."}};
  at = with({.inputs = {"counter", "key"},
             .attrs = {kDType},
             .traits = static_cast<uint32_t>(Trait::internal),
             .infer = of_floats,
             .grad = kNoGradient,
             .onnx = "none: its numbers follow from the state of a generator"},
            std::move(at));
  std::vector<OpDef> rows = at;  // whose texts are used below once more
  std::vector<OpDef> parameters = {{.name = "random_bounded_at",
                                    .inputs = {"counter", "key", "range"},
                                    .infer = of_words,
                                    .lower = bounded_at,
                                    .doc = "Return integers in [0, range), or of 64 bits if range is 0."},
                                   {.name = "random_gamma_at",
                                    .inputs = {"counter", "key", "a"},
                                    .traits = static_cast<uint32_t>(Trait::mixed),
                                    .lower = gamma_at,
                                    .doc = "Return numbers of the gamma distribution with shape a and scale 1."},
                                   {.name = "random_poisson_at",
                                    .inputs = {"counter", "key", "mean"},
                                    .traits = static_cast<uint32_t>(Trait::mixed),
                                    .lower = poisson_at,
                                    .doc = "Return whole numbers of the Poisson distribution."},
                                   {.name = "random_truncated_normal_at",
                                    .inputs = {"counter", "key", "lower", "upper"},
                                    .traits = static_cast<uint32_t>(Trait::mixed),
                                    .lower = truncated_normal_at,
                                    .doc = "Return numbers of the standard normal distribution between two bounds."}};
  for (OpDef& row : with({.attrs = {kDType},
                          .traits = static_cast<uint32_t>(Trait::internal),
                          .infer = of_floats,
                          .grad = kNoGradient,
                          .onnx = "none: its numbers follow from the state of a generator"},
                         std::move(parameters)))
    rows.push_back(std::move(row));
  rows.push_back({.name = "random_integers",
                  .inputs = {"key", "position", "low", "range"},
                  .attrs = {kShape, {"dtype", AttrKind::dtype, Attr{DType::i64}}},
                  .traits = static_cast<uint32_t>(Trait::internal),
                  .infer = drawn,
                  .lower = integers_formula,
                  .grad = kNoGradient,
                  .onnx = "none: its numbers follow from the state of a generator",
                  .doc = "Return integers from low on, as many different ones as range says."});
  rows.push_back({.name = "random_counters",
                  .inputs = {"position"},
                  .attrs = {kShape},
                  .traits = static_cast<uint32_t>(Trait::internal),
                  .infer = drawn_words,
                  .lower = counters_formula,
                  .grad = kNoGradient,
                  .onnx = "none: its numbers follow from the state of a generator",
                  .doc = "Return the counters of a tensor's elements."});
  std::vector<OpDef> whole = {{.name = "random_bits",
                               .attrs = {kShape, {"dtype", AttrKind::dtype, Attr{DType::u64}}, bits[0], bits[1]},
                               .infer = drawn,
                               .doc = "Return random bits, 64 to an element."},
                              {.name = "random_uniform", .doc = at[1].doc},
                              {.name = "random_probability", .doc = at[2].doc},
                              {.name = "random_normal", .doc = at[3].doc},
                              {.name = "random_exponential", .doc = at[4].doc}};
  for (OpDef& row : with({.inputs = {"key", "position"},
                          .attrs = {kShape, kDType},
                          .traits = static_cast<uint32_t>(Trait::internal),
                          .infer = drawn_floats,
                          .grad = kNoGradient,
                          .onnx = "none: its numbers follow from the state of a generator"},
                         std::move(whole))) {
    row.lower = drawn_at;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace tandem
