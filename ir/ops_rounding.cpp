// Rounding to integers and to decimals.
#include <cmath>
#include <limits>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

// Rounding functions leave integers alone.
template <Scalar (*F)(Scalar)>
Scalar rounded(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  return is_floating(x[0].dtype) ? F(x[0]) : x[0];
}

// To a multiple of 10^digits, exactly; 0 where that is more than the dtype can hold.
Scalar integer_to_multiple(Scalar x, int64_t digits) {
  uint64_t step = 1;
  const int bits = size_of(x.dtype) * 8 - (info(x.dtype).is_signed ? 1 : 0);
  const uint64_t most = std::numeric_limits<uint64_t>::max() >> (64 - bits);
  for (int64_t k = 0; k < digits; ++k) {
    if (step > most / 10) return x.constant(0);
    step *= 10;
  }
  const Scalar zero = x.constant(0), one = x.constant(1), whole = x.constant_bits(static_cast<int64_t>(step));
  const Scalar quotient = x / whole, rest = rem(x, whole);
  const bool is_signed = info(x.dtype).is_signed;
  const Scalar size = is_signed ? abs(rest) : rest, missing = whole - size;
  const Scalar away = (missing < size) | ((size == missing) & ((quotient & one) != zero));
  const Scalar outward = is_signed ? select(x < zero, -one, one) : one;
  return select(away, quotient + outward, quotient) * whole;
}

// As NumPy does: the number times 10^decimals is rounded and divided again.
Scalar round_to_decimals(Scalar x, int64_t decimals) {
  if (x.dtype == DType::boolean || (decimals >= 0 && !is_floating(x.dtype))) return x;
  if (!is_floating(x.dtype)) return integer_to_multiple(x, -decimals);
  if (decimals == 0) return round(x);
  const Scalar scale = x.constant(std::pow(10.0, std::abs(static_cast<double>(decimals))));
  return decimals > 0 ? round(x * scale) / scale : round(x / scale) * scale;
}

int64_t decimals_of(const OpDef& op, const Attrs& attrs) { return attr_as<int64_t>(op, attrs, "decimals"); }

}  // namespace

std::vector<OpDef> rounding_ops() {
  return with(
      {.inputs = {"x"},
       .traits = static_cast<uint32_t>(Trait::exact),
       .accepts = Accepts::numeric,
       .infer = same_type,
       .grad = zero_gradients,
       .samples = {"(3, 5)", "()", "(0,)", "(37,)"}},
      {{.name = "floor",
        .lower = rounded<floor>,
        .onnx = "rule: Floor",
        .doc = "Round toward minus infinity.",
        .example = "td.floor(td.asarray([1.5, -1.5]))  # tensor([ 1., -2.], dtype=float32)"},
       {.name = "ceil",
        .lower = rounded<ceil>,
        .onnx = "rule: Ceil",
        .doc = "Round toward plus infinity.",
        .example = "td.ceil(td.asarray([1.5, -1.5]))  # tensor([ 2., -1.], dtype=float32)"},
       {.name = "round",
        .attrs = {{"decimals", AttrKind::integer, Attr{int64_t{0}}, "kept behind the point; before it if negative"}},
        .traits = Trait::exact | Trait::method,
        .lower = [](std::span<const Scalar> x, const OpDef& op,
                    const Attrs& attrs) { return round_to_decimals(x[0], decimals_of(op, attrs)); },
        .on_complex = [](std::span<const Complex> x, const OpDef& op, const Attrs& attrs) -> Complex {
          const int64_t decimals = decimals_of(op, attrs);
          return {round_to_decimals(x[0].re, decimals), round_to_decimals(x[0].im, decimals)};
        },
        .onnx = "rule: Round",
        .doc = "Round to so many decimals, halves to the even digit, as NumPy does: x * 10 ** decimals is rounded and "
               "divided "
               "again. Of complex numbers both parts.",
        .example = "td.round(td.asarray([1.5, 2.5, 1.234]), 1)  # tensor([1.5, 2.5, 1.2], dtype=float32)",
        .samples = {"(3, 5)", "()", "(0,)", "(37,)", "(3, 5) | decimals=1", "(37,):any | decimals=-1"}},
       {.name = "trunc",
        .lower = rounded<trunc>,
        .onnx = "rule: Floor, Ceil",
        .doc = "Round toward zero.",
        .example = "td.trunc(td.asarray([1.5, -1.5]))  # tensor([ 1., -1.], dtype=float32)"}});
}

}  // namespace tandem
