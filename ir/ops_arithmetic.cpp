// Pointwise arithmetic and bit operations.
#include <bit>
#include <limits>

#include "ir/math_parts.h"
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

Scalar sign_of(Scalar x) {
  const Scalar zero = x.constant(0), one = x.constant(1);
  if (x.dtype == DType::boolean) return x;
  if (!info(x.dtype).is_signed) return select(x == zero, zero, one);
  Scalar y = select(x < zero, -one, select(zero < x, one, zero));
  return is_floating(x.dtype) ? select(x != x, x, y) : y;
}

// By repeated squaring for integers: all 63 possible bits of the exponent, negative exponents as 0 (or +-1 for bases
// +-1, as exact division would give).
Scalar integer_power(Scalar x, Scalar n) {
  const Scalar zero = x.constant(0), one = x.constant(1);
  const bool is_signed = info(x.dtype).is_signed;
  Scalar result = one, base = x, rest = n;
  const int bits = size_of(x.dtype) * 8;
  const int steps = bits - (is_signed ? 1 : 0);
  for (int k = 0; k < steps; ++k) {
    result = select((rest & one) != zero, result * base, result);
    if (k + 1 < steps) {
      base = base * base;
      rest = shr_logical(rest, one);
    }
  }
  if (!is_signed) return result;
  const Scalar odd = (n & one) != zero;
  const Scalar inverse = select(x == one, one, select(x == -one, select(odd, -one, one), zero));
  return select(n < zero, inverse, result);
}

// A square is the product rounded once: the most frequent power costs no more than that, and is exact to half an ulp.
Scalar power(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  if (!is_floating(x[0].dtype)) return integer_power(x[0], x[1]);
  return select(x[1] == x[1].constant(2), x[0] * x[0], math::pow(x[0], x[1]));
}

// Python's and NumPy's division: rounded toward minus infinity, the remainder with the divisor's sign. Integers divided by
// 0 give 0 and 0. Floats as in NumPy: the quotient is what is left without the exact remainder, snapped to an integer.
struct Division {
  Scalar quotient, remainder;
};

Division floor_divided(Scalar a, Scalar b) {
  const Scalar zero = a.constant(0), one = a.constant(1);
  const bool is_signed = info(a.dtype).is_signed || is_floating(a.dtype);
  if (!is_floating(a.dtype)) {
    const ScalarNode divisor = b.builder->body()[static_cast<size_t>(b.id)];
    const auto bits = static_cast<uint64_t>(divisor.imm);
    if (divisor.op == ScalarOp::constant && is_integer(a.dtype) && (divisor.imm > 0 || !is_signed) &&
        std::has_single_bit(bits))
      return {is_signed ? a >> a.constant_bits(std::countr_zero(bits))
                        : shr_logical(a, a.constant_bits(std::countr_zero(bits))),
              a & (b - one)};
    const Scalar quotient = a / b, exact = select(b == zero, zero, rem(a, b));
    if (!is_signed) return {quotient, exact};
    const Scalar down = (exact != zero) & ((exact < zero) != (b < zero));
    return {select(down, quotient - one, quotient), select(down, exact + b, exact)};
  }
  const Scalar rest = rem(a, b);
  const Scalar down = (rest != zero) & ((b < zero) != (rest < zero));
  const Scalar by_zero = b == zero, near = select(by_zero, a, a - rest) / b;
  const Scalar quotient = select(down, near - one, near);
  const Scalar low = floor(quotient);
  const Scalar snapped = select(a.constant(0.5) < quotient - low, low + one, low);
  const auto signed_zero = [&](Scalar sign) { return math::flip_sign(zero, sign); };
  const Scalar whole = select(quotient != zero, snapped, signed_zero(math::sign_of(a) ^ math::sign_of(b)));
  const Scalar left = select(rest != zero, select(down, rest + b, rest), signed_zero(math::sign_of(b)));
  return {select(by_zero, near, whole), select(by_zero, rest, left)};
}

TensorType shifted_type(InferContext& c) {
  const TensorType type = broadcast_promote(c);
  for (const TensorType& input : c.inputs)
    if (input.dtype == DType::boolean)
      c.fail(ErrorKind::dtype, "got dtype bool; need an integer dtype; try x.astype(...)");
  return type;
}

// Amounts outside [0, bits) shift everything out.
template <bool Left>
Scalar shifted(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  const Scalar zero = x[0].constant(0), bits = x[0].constant(size_of(x[0].dtype) * 8);
  const Scalar inside = (zero <= x[1]) & (x[1] < bits);
  const Scalar amount = select(inside, x[1], zero);
  const Scalar value = Left ? x[0] << amount : x[0] >> amount;
  const Scalar gone = Left || !info(x[0].dtype).is_signed ? zero : select(x[0] < zero, -x[0].constant(1), zero);
  return select(inside, value, gone);
}

// C's fmod, whose sign is that of x1; integers divided by 0 leave 0.
Scalar remaining(Scalar a, Scalar b) {
  if (is_floating(a.dtype)) return rem(a, b);
  const Scalar zero = a.constant(0);
  return select(b == zero, zero, rem(a, b));
}

Scalar with_sign_of(Scalar x, Scalar y) { return math::flip_sign(x, math::sign_of(x) ^ math::sign_of(y)); }
Scalar has_sign(Scalar x) {
  const Scalar sign = math::sign_of(x);
  return sign != math::integer(sign, 0);
}

TensorType neighbour_type(InferContext& c) {
  for (const TensorType& input : c.inputs)
    if (!is_floating(input.dtype))
      c.fail(ErrorKind::dtype, "got dtype {}; need a floating-point dtype; try x.astype(...)", info(input.dtype).name);
  return broadcast_promote(c);
}

// The neighbour of x on the way to y. It depends on the dtype itself, also of 16 bits, so the row is mixed; the bits of
// floats of one sign are in the order of their magnitudes.
Scalar neighbour(std::span<const Scalar> inputs, const OpDef&, const Attrs&) {
  const DType dtype = promote(inputs[0].dtype, inputs[1].dtype);
  const DType bits_type = size_of(dtype) == 2 ? DType::i16 : size_of(dtype) == 4 ? DType::i32 : DType::i64;
  const Scalar x = inputs[0].cast(dtype), y = inputs[1].cast(dtype);
  const Scalar a = x.cast(compute_type(dtype)), b = y.cast(compute_type(dtype)), zero = a.constant(0);
  const Scalar bits = x.bitcast(bits_type), one = bits.constant(1);
  const Scalar outward = (a < b) == (zero < a);
  const Scalar stepped = bits + select(outward, one, -one);
  const Scalar sign = bits.constant_bits(lowest_integer(bits_type));
  const Scalar from_zero = (y.bitcast(bits_type) & sign) | one;
  const Scalar next = select(a == zero, from_zero, stepped).bitcast(dtype);
  const Scalar value = select(a == b, y, next);
  return select((a != a) | (b != b), (a + b).cast(dtype), value);
}

// The sign of a complex number turns with it: what is along it changes nothing.
Grads sign_grad(const GradContext& c) {
  const Value& x = c.inputs[0];
  if (!is_complex(x.dtype())) return zero_gradients(c);
  const Value size = unary("abs", x), along = real_part(c.upstream * conj(c.output));
  const Value zero = c.b.full(x.shape(), x.dtype(), 0);
  const Value across = c.upstream - along * c.output;
  return {where(binary("equal", size, c.b.scalar(size.dtype(), 0)), zero, across / size)};
}

}  // namespace

std::vector<OpDef> arithmetic_ops() {
  const OpDef binary_row{.inputs = {"x1", "x2"},
                         .infer = broadcast_promote,
                         .samples = {"(3, 5) (3, 5)", "(3, 1) (4,)", "() (2,)", "(0, 3) (3,)"}};
  const OpDef unary_row{
      .inputs = {"x"}, .accepts = Accepts::numeric, .infer = same_type, .samples = {"(3, 5)", "()", "(0,)", "(37,)"}};
  OpDef bits_row = binary_row;
  bits_row.accepts = Accepts::integral_or_bool;
  bits_row.grad = kNotDifferentiable;
  const uint32_t exact = static_cast<uint32_t>(Trait::exact);

  auto rows = with(
      binary_row,
      {{.name = "add",
        .traits = Trait::commutative | Trait::exact,
        .lower = [](std::span<const Scalar> x, const OpDef&,
                    const Attrs&) { return x[0].dtype == DType::boolean ? x[0] | x[1] : x[0] + x[1]; },
        .on_complex = on_parts2<operator+ >,
        .grad = [](const GradContext& c) -> Grads {
          return {unbroadcast(c.upstream, c.inputs[0]), unbroadcast(c.upstream, c.inputs[1])};
        },
        .onnx = "Add",
        .doc = "Add element by element; on bool, logical or.",
        .example = "td.add(td.asarray([1, 2]), 3)  # tensor([4, 5])"},
       {.name = "subtract",
        .traits = exact,
        .accepts = Accepts::numeric,
        .lower = lift2<operator- >,
        .on_complex = on_parts2<operator- >,
        .grad = [](const GradContext& c) -> Grads {
          return {unbroadcast(c.upstream, c.inputs[0]), unbroadcast(-c.upstream, c.inputs[1])};
        },
        .onnx = "Sub",
        .doc = "Subtract x2 from x1 element by element.",
        .example = "td.subtract(td.asarray([4, 5]), 3)  # tensor([1, 2])"},
       {.name = "multiply",
        .traits = Trait::commutative | Trait::exact,
        .lower = [](std::span<const Scalar> x, const OpDef&,
                    const Attrs&) { return x[0].dtype == DType::boolean ? x[0] & x[1] : x[0] * x[1]; },
        .on_complex = on_parts2<operator*>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          return {unbroadcast(c.upstream * c.inputs[1], c.inputs[0]),
                  unbroadcast(c.upstream * c.inputs[0], c.inputs[1])};
        }>,
        .onnx = "Mul",
        .doc = "Multiply element by element; on bool, logical and.",
        .example = "td.multiply(td.asarray([4, 5]), 3)  # tensor([12, 15])"},
       {.name = "single_product",
        .traits = Trait::internal | Trait::commutative,
        .accepts = Accepts::floating,
        .lower = [](std::span<const Scalar> x, const OpDef&,
                    const Attrs&) { return fma(x[0], x[1], x[0].constant(0)); },
        .grad = [](const GradContext& c) -> Grads {
          return {unbroadcast(c.upstream * c.inputs[1], c.inputs[0]),
                  unbroadcast(c.upstream * c.inputs[0], c.inputs[1])};
        },
        .onnx = "none: passes make it of a product of matrices, which is what is exported",
        .doc = "Multiply and add 0.0, rounded once: an element of a product of matrices over one column and one row."},
       {.name = "divide",
        .traits = exact,
        .accepts = Accepts::promote_to_float,
        .lower = lift2<operator/ >,
        .on_complex = on_parts2<operator/ >,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value a = c.upstream / c.inputs[1];
          return {unbroadcast(a, c.inputs[0]), unbroadcast(-(a * c.output), c.inputs[1])};
        }>,
        .onnx = "Div",
        .doc = "Divide x1 by x2 element by element, giving a floating-point result.",
        .example = "td.divide(td.asarray([1., 2.]), 4)  # tensor([0.25, 0.5 ], dtype=float32)"},
       {.name = "floor_divide",
        .traits = exact,
        .accepts = Accepts::numeric,
        .lower = [](std::span<const Scalar> x, const OpDef&,
                    const Attrs&) { return floor_divided(x[0], x[1]).quotient; },
        .grad = zero_gradients,
        .onnx = "rule: Div, Floor",
        .doc = "Divide x1 by x2 and round toward minus infinity; integers divided by 0 give 0.",
        .example = "td.floor_divide(td.asarray([7, -7]), 2)  # tensor([ 3, -4])",
        .samples = {"(3, 5) (3, 5):positive", "(3, 1) (4,):any", "() (2,):negative", "(0, 3) (3,)"}},
       {.name = "remainder",
        .traits = exact,
        .accepts = Accepts::numeric,
        .lower = [](std::span<const Scalar> x, const OpDef&,
                    const Attrs&) { return floor_divided(x[0], x[1]).remainder; },
        .grad = [](const GradContext& c) -> Grads {
          const Value quotient = binary("floor_divide", c.inputs[0], c.inputs[1]);
          return {unbroadcast(c.upstream, c.inputs[0]), unbroadcast(-(c.upstream * quotient), c.inputs[1])};
        },
        .onnx = "rule: Mod",
        .doc = "Return what floor division leaves, with the sign of x2; integers modulo 0 give 0.",
        .example = "td.remainder(td.asarray([7, -7]), 3)  # tensor([1, 2])",
        .samples = {"(3, 5) (3, 5):positive", "(3, 1) (4,):negative", "() (2,):negative", "(0, 3) (3,)"}},
       {.name = "fmod",
        .traits = exact,
        .accepts = Accepts::numeric,
        .lower = lift2<remaining>,
        .grad = [](const GradContext& c) -> Grads {
          const Value quotient = unary("trunc", c.inputs[0] / c.inputs[1]);
          return {unbroadcast(c.upstream, c.inputs[0]), unbroadcast(-(c.upstream * quotient), c.inputs[1])};
        },
        .onnx = "rule: Mod",
        .doc = "Return what division rounded toward zero leaves, with the sign of x1; integers modulo 0 "
               "give 0.",
        .example = "td.fmod(td.asarray([7, -7]), 3)  # tensor([ 1, -1])",
        .samples = {"(3, 5) (3, 5):positive", "(3, 1) (4,):negative", "() (2,):negative", "(0, 3) (3,)"}},
       {.name = "hypot",
        .accepts = Accepts::promote_to_float,
        .lower = lift2<math::hypot>,
        .grad = [](const GradContext& c) -> Grads {
          const Value a = c.upstream / c.output;
          return {unbroadcast(a * c.inputs[0], c.inputs[0]), unbroadcast(a * c.inputs[1], c.inputs[1])};
        },
        .onnx = "rule: Sqrt",
        .doc = "Return sqrt(x1^2 + x2^2) without overflow.",
        .example = "td.hypot(td.asarray([3., 5.]), td.asarray([4., 12.]))  # tensor([ 5., 13.], dtype=float32)"},
       {.name = "atan2",
        .accepts = Accepts::promote_to_float,
        .lower = lift2<math::atan2>,
        .grad = [](const GradContext& c) -> Grads {
          const Value y = c.inputs[0], x = c.inputs[1], a = c.upstream / (x * x + y * y);
          return {unbroadcast(a * x, y), unbroadcast(-(a * y), x)};
        },
        .onnx = "rule: Atan",
        .doc = "Return the angle in [-pi, pi] from the positive x axis to the point with y = x1 and x = x2.",
        .example = "td.atan2(td.asarray([0., 0.]), td.asarray([1., 2.]))  # tensor([0., 0.], dtype=float32)"},
       {.name = "copysign",
        .traits = exact,
        .accepts = Accepts::promote_to_float,
        .lower = lift2<with_sign_of>,
        .grad = [](const GradContext& c) -> Grads {
          return {unbroadcast(c.upstream * (unary("sign", c.output) * unary("sign", c.inputs[0])), c.inputs[0]), {}};
        },
        .onnx = "rule: Abs, Neg",
        .doc = "Return the magnitude of x1 with the sign of x2.",
        .example = "td.copysign(td.asarray([1., 2.]), -1)  # tensor([-1., -2.], dtype=float32)"},
       {.name = "nextafter",
        .traits = Trait::exact | Trait::mixed,
        .accepts = Accepts::promote_to_float,
        .infer = neighbour_type,
        .lower = neighbour,
        .grad = kNotDifferentiable,
        .onnx = "none: ONNX has no access to the bits of a number",
        .doc = "Return the next number after x1 toward x2.",
        .example = "td.nextafter(td.asarray([0.]), 1)  # tensor([1.e-45], dtype=float32)"},
       {.name = "pow",
        .accepts = Accepts::numeric,
        .lower = power,
        .on_complex = on_parts2<math::pow>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value x = c.inputs[0], n = c.inputs[1];
          const Value zero = c.b.scalar(x.dtype(), 0);
          const Value dx = where(binary("equal", n, c.b.scalar(n.dtype(), 0)), zero, n * binary("pow", x, n - 1.0));
          const bool is_real = !is_complex(c.output.dtype());
          const Value safe =
              is_real ? where(binary("greater", x, zero), x, c.b.scalar(x.dtype(), 1)) : cast(x, c.output.dtype());
          const Value dn =
              where(binary("equal", x, zero), c.b.scalar(c.output.dtype(), 0), c.output * unary("log", safe));
          return {unbroadcast(c.upstream * dx, x), unbroadcast(c.upstream * dn, n)};
        }>,
        .onnx = "rule: Pow",
        .doc = "Raise x1 to the power x2 element by element. Integers wrap; a negative integer power is "
               "rounded to 0. The power 2 is x1 * x1.",
        .example = "td.pow(td.asarray([2, 3]), 2)  # tensor([4, 9])",
        .samples = {"(3, 5):positive (3, 5)", "(3, 1):positive (4,)", "(7,):positive ()", "(0,) (0,)"}}});

  for (OpDef& row : with(
           unary_row,
           {{.name = "negative",
             .traits = exact,
             .lower = lift<operator- >,
             .on_complex = on_parts<operator- >,
             .grad = [](const GradContext& c) -> Grads { return {-c.upstream}; },
             .onnx = "Neg",
             .doc = "Negate element by element.",
             .example = "td.negative(td.asarray([1, -2]))  # tensor([-1,  2])"},
            {.name = "positive",
             .traits = exact,
             .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0]; },
             .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) { return x[0]; },
             .grad = [](const GradContext& c) -> Grads { return {c.upstream}; },
             .onnx = "rule: Identity",
             .doc = "Return the elements unchanged.",
             .example = "td.positive(td.asarray([1, -2]))  # tensor([ 1, -2])"},
            {.name = "abs",
             .traits = Trait::exact | Trait::method,
             .infer = [](InferContext& c) { return TensorType{real_type(c.inputs[0].dtype), c.inputs[0].shape, {}}; },
             .lower = [](std::span<const Scalar> x, const OpDef&,
                         const Attrs&) { return info(x[0].dtype).is_signed ? abs(x[0]) : x[0]; },
             .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex {
               return math::abs(x[0]);
             },
             .grad = [](const GradContext& c) -> Grads { return {c.upstream * unary("sign", c.inputs[0])}; },
             .onnx = "Abs",
             .doc = "Return the absolute value.",
             .example = "td.abs(td.asarray([1, -2]))  # tensor([1, 2])"},
            {.name = "sign",
             .traits = exact,
             .lower = lift<sign_of>,
             .on_complex = on_parts<math::sign>,
             .grad = sign_grad,
             .onnx = "Sign",
             .doc = "Return -1, 0 or 1 by the sign of each element; NaN stays NaN.",
             .example = "td.sign(td.asarray([-3., 0., 2.]))  # tensor([-1.,  0.,  1.], dtype=float32)"},
            {.name = "signbit",
             .traits = exact,
             .accepts = Accepts::promote_to_float,
             .infer = same_shape_bool,
             .lower = lift<has_sign>,
             .grad = kNotDifferentiable,
             .onnx = "rule: Less",
             .doc = "Return whether the sign bit is set: of negative numbers, -0.0 and some NaNs.",
             .example = "td.signbit(td.asarray([-0., 1.]))  # tensor([ True, False])"},
            {.name = "square",
             .traits = exact,
             .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0] * x[0]; },
             .on_complex = on_parts<math::square>,
             .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * (c.inputs[0] * 2.0)}; }>,
             .onnx = "rule: Mul",
             .doc = "Return the square of each element.",
             .example = "td.square(td.asarray([3, -2]))  # tensor([9, 4])"},
            {.name = "reciprocal",
             .traits = exact,
             .accepts = Accepts::promote_to_float,
             .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0].constant(1) / x[0]; },
             .on_complex = on_parts<math::reciprocal>,
             .grad = holomorphic<[](const GradContext& c) -> Grads { return {-(c.upstream * (c.output * c.output))}; }>,
             .onnx = "Reciprocal",
             .doc = "Return 1 / x.",
             .example = "td.reciprocal(td.asarray([4., 2.]))  # tensor([0.25, 0.5 ], dtype=float32)"}}))
    rows.push_back(std::move(row));

  for (OpDef& row : with(bits_row, {{.name = "bitwise_and",
                                     .traits = Trait::commutative | Trait::exact,
                                     .lower = lift2<operator&>,
                                     .onnx = "rule: BitwiseAnd",
                                     .doc = "And of the bits.",
                                     .example = "td.bitwise_and(td.asarray([6, 5]), 3)  # tensor([2, 1])"},
                                    {.name = "bitwise_or",
                                     .traits = Trait::commutative | Trait::exact,
                                     .lower = lift2<operator| >,
                                     .onnx = "rule: BitwiseOr",
                                     .doc = "Or of the bits.",
                                     .example = "td.bitwise_or(td.asarray([6, 5]), 3)  # tensor([7, 7])"},
                                    {.name = "bitwise_xor",
                                     .traits = Trait::commutative | Trait::exact,
                                     .lower = lift2<operator^ >,
                                     .onnx = "rule: BitwiseXor",
                                     .doc = "Exclusive or of the bits.",
                                     .example = "td.bitwise_xor(td.asarray([6, 5]), 3)  # tensor([5, 6])"},
                                    {.name = "bitwise_invert",
                                     .inputs = {"x"},
                                     .traits = exact,
                                     .infer = same_type,
                                     .lower = lift<operator~ >,
                                     .onnx = "rule: BitwiseNot",
                                     .doc = "Invert every bit; on bool, logical not.",
                                     .example = "td.bitwise_invert(td.asarray([0, 5]))  # tensor([-1, -6])",
                                     .samples = {"(3, 5)", "()", "(0,)"}},
                                    {.name = "bitwise_left_shift",
                                     .traits = exact,
                                     .infer = shifted_type,
                                     .lower = shifted<true>,
                                     .onnx = "rule: BitShift",
                                     .doc = "Shift x1 left by x2 bits; amounts outside [0, bits) give 0.",
                                     .example = "td.bitwise_left_shift(td.asarray([1, 3]), 2)  # tensor([ 4, 12])",
                                     .samples = {"(3, 5) (3, 5):shift", "(4,) ():shift"}},
                                    {.name = "bitwise_right_shift",
                                     .traits = exact,
                                     .infer = shifted_type,
                                     .lower = shifted<false>,
                                     .onnx = "rule: BitShift",
                                     .doc = "Shift x1 right by x2 bits, keeping the sign.",
                                     .example = "td.bitwise_right_shift(td.asarray([16, -16]), 2)  # tensor([ 4, -4])",
                                     .samples = {"(3, 5) (3, 5):shift", "(4,) ():shift"}}}))
    rows.push_back(std::move(row));
  return rows;
}

}  // namespace tandem
