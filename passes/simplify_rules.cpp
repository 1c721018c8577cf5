// One rule per line. A rule of simplify must leave every bit of the result as it was, for every input of the dtypes it claims;
// only the payload of a NaN may differ. That leaves out much of school algebra: x + 0.0 turns -0.0 into 0.0, x * 0 is
// not 0 for NaN, -x flips the sign of a NaN where 0 - x does not, a sum starts from 0.0 and so loses the sign of -0.0,
// and not (a < b) holds for NaN where a >= b does not.
#include "passes/simplify_rules.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "ir/scalar.h"

namespace tandem {

namespace {

using Dims = std::vector<Dim>;

constexpr uint32_t dtypes_where(bool (*holds)(DType)) {
  uint32_t bits = 0;
  for (const DTypeInfo& row : kDTypes)
    if (holds(row.dtype)) bits |= dtype_bit(row.dtype);
  return bits;
}
constexpr uint32_t kBool = dtype_bit(DType::boolean);
constexpr uint32_t kUnsigned = dtypes_where(is_unsigned);
constexpr uint32_t kSigned = dtypes_where(is_signed_integer);
constexpr uint32_t kInt = kSigned | kUnsigned;
constexpr uint32_t kFloat = dtypes_where(is_floating);
constexpr uint32_t kWide = dtype_bit(DType::f32) | dtype_bit(DType::f64);
constexpr uint32_t kNumber = kInt | kFloat;
constexpr uint32_t kAll = kBool | kNumber;
constexpr uint32_t kAny = kAll | dtypes_where(is_complex);  // of rules that look at no number

size_t at(const Dim& axis) { return static_cast<size_t>(axis.constant()); }
const Dims& dims(const Attrs& attrs, size_t k) { return std::get<Dims>(attrs[k]); }
bool has_axes(const Attrs& attrs) { return std::holds_alternative<Dims>(attrs[0]); }

// y is a power of two whose reciprocal is a number of the same dtype: both quotient and product are the exact result,
// rounded once.
bool has_exact_reciprocal(const Match& m) {
  const DType dtype = m['y'].dtype;
  if (!m.bits[1]) return false;
  int exponent = 0;
  const double value = to_double(dtype, *m.bits[1]);
  if (!std::isfinite(value) || std::abs(std::frexp(value, &exponent)) != 0.5) return false;
  return to_double(dtype, constant_bits_of(dtype, 1 / value)) == 1 / value;
}

// ---- numerics="fast" ----

// y has a reciprocal that is a normal number, in f32 and f64; in 16 bits rounding it would cost more than one ulp.
bool has_reciprocal(const Match& m) {
  const DType dtype = m['y'].dtype;
  if (!m.bits[1]) return false;
  const double reciprocal = 1 / to_double(dtype, *m.bits[1]);
  const double smallest = dtype == DType::f32 ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
  const double largest = dtype == DType::f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
  return std::abs(reciprocal) >= smallest && std::abs(reciprocal) <= largest;
}
bool both_constant(const Match& m) { return m.bits[1].has_value() && m.bits[2].has_value(); }

// One column times one row, each of several elements: products with a vector are summed in lanes, from zeros.
bool over_one(const Match& m) {
  const Shape& shape = m.type.shape;
  return m['x'].rank() >= 2 && m['y'].rank() >= 2 && m['x'].shape.back().is(1) && !shape.back().is(1) &&
         !shape[shape.size() - 2].is(1);
}

// ---- rounding ----

int64_t decimals(const Attrs& attrs) { return std::get<int64_t>(attrs[0]); }
bool keeps_ones(const Match& m) { return decimals(m.attrs) >= 0; }
bool both_to_integers(const Match& m) { return decimals(m.attrs) == 0 && decimals(m.inner[0]->attrs) == 0; }

// ---- casts ----

// From x through the inner dtype to the result. Floats saturate where integers wrap, so an integer that goes through a
// float must fit into the integer it becomes.
bool inner_cast_is_lossless(const Match& m) {
  const DType from = m['x'].dtype, middle = std::get<DType>(m.inner[0]->attrs[0]), to = m.type.dtype;
  if (!is_lossless(from, middle)) return false;
  return is_floating(from) || !is_floating(middle) || !is_integer(to) || is_lossless(from, to);
}

// ---- views ----

bool keeps_order(const Match& m) {
  const Dims& axes = dims(m.attrs, 0);
  for (size_t k = 0; k < axes.size(); ++k)
    if (!axes[k].is(static_cast<int64_t>(k))) return false;
  return true;
}
Attrs composed_order(const Match& m) {
  Dims axes;
  for (const Dim& axis : dims(m.attrs, 0)) axes.push_back(dims(m.inner[0]->attrs, 0)[at(axis)]);
  return {axes};
}

// Turning round an axis with at most one element does nothing.
bool flips_nothing(const Match& m) {
  if (!has_axes(m.attrs)) return false;
  return std::ranges::all_of(
      dims(m.attrs, 0), [&m](const Dim& axis) { return m.type.shape[at(axis)].is(1) || m.type.shape[at(axis)].is(0); });
}
bool both_have_axes(const Match& m) { return has_axes(m.attrs) && has_axes(m.inner[0]->attrs); }
Attrs axes_flipped_once(const Match& m) {
  Dims axes;
  for (int64_t k = 0; k < m.type.rank(); ++k) {
    const auto flips = [k](const Attrs& attrs) { return std::ranges::count(dims(attrs, 0), Dim(k)) == 1; };
    if (flips(m.attrs) != flips(m.inner[0]->attrs)) axes.emplace_back(k);
  }
  return {axes};
}

bool takes_everything(const Match& m) {
  const Dims &starts = dims(m.attrs, 0), &sizes = dims(m.attrs, 1), &steps = dims(m.attrs, 2);
  for (size_t k = 0; k < starts.size(); ++k)
    if (!starts[k].is(0) || !(steps[k].is(1) || sizes[k].is(1))) return false;
  return true;
}
Attrs composed_slice(const Match& m) {
  const Attrs& inner = m.inner[0]->attrs;
  Dims starts, steps;
  for (size_t k = 0; k < dims(inner, 0).size(); ++k) {
    starts.push_back(dims(inner, 0)[k] + dims(m.attrs, 0)[k] * dims(inner, 2)[k]);
    steps.push_back(dims(inner, 2)[k] * dims(m.attrs, 2)[k]);
  }
  return {starts, m.attrs[1], steps};
}

bool adds_first_axis(const Match& m) { return std::get<int64_t>(m.inner[0]->attrs[0]) == 0; }
bool over_no_axes(const Match& m) { return has_axes(m.attrs) && dims(m.attrs, 0).empty(); }

// clang-format off
constexpr Rule kRules[] = {
    // name                      pattern                                 replacement                   dtypes, guard ...
    {"add zero",                 "add(x, 0)",                            "x",                          kInt | kBool},
    {"add minus zero",           "add(x, -0.0)",                         "x",                          kFloat},
    {"add negative",             "add(x, negative(y))",                  "subtract(x, y)",             kInt},
    {"subtract zero",            "subtract(x, 0)",                       "x",                          kNumber},
    {"subtract from zero",       "subtract(0, x)",                       "negative(x)",                kInt},
    {"subtract itself",          "subtract(x, x)",                       "0",                          kInt},
    {"subtract negative",        "subtract(x, negative(y))",             "add(x, y)",                  kInt},
    {"multiply by one",          "multiply(x, 1)",                       "x",                          kAll},
    {"multiply by zero",         "multiply(x, 0)",                       "0",                          kInt | kBool},
    {"multiply by minus one",    "multiply(x, -1)",                      "negative(x)",                kSigned},
    {"multiply negatives",       "multiply(negative(x), negative(y))",   "multiply(x, y)",             kInt},
    {"divide by one",            "divide(x, 1)",                         "x",                          kFloat},
    {"divide by power of two",   "divide(x, y)",                         "multiply(x, reciprocal(y))", kFloat,
     has_exact_reciprocal},
    {"product over one",         "matmul(x, y)",                         "single_product(x, y)",       kWide,
     over_one},
    {"power zero",               "pow(x, 0)",                            "1",                          kInt},
    {"power one",                "pow(x, 1)",                            "x",                          kInt},
    {"power two",                "pow(x, 2)",                            "square(x)",                  kNumber},
    {"negative of negative",     "negative(negative(x))",                "x",                          kNumber},
    {"negative of difference",   "negative(subtract(x, y))",             "subtract(y, x)",             kInt},
    {"positive",                 "positive(x)",                          "x",                          kNumber},
    {"abs of abs",               "abs(abs(x))",                          "abs(x)",                     kNumber},
    {"abs of negative",          "abs(negative(x))",                     "abs(x)",                     kSigned|kFloat},
    {"abs of unsigned",          "abs(x)",                               "x",                          kUnsigned},
    {"copy to be changed",       "slice_update(copy(x), y)",             "slice_update(x, y)",         kAll},
    {"square of negative",       "square(negative(x))",                  "square(x)",                  kInt},
    {"square of abs",            "square(abs(x))",                       "square(x)",                  kInt},
    {"sign of sign",             "sign(sign(x))",                        "sign(x)",                    kNumber},
    {"minimum with itself",      "minimum(x, x)",                        "x",                          kAll},
    {"maximum with itself",      "maximum(x, x)",                        "x",                          kAll},
    {"minimum twice",            "minimum(minimum(x, y), y)",            "minimum(x, y)",              kInt | kBool},
    {"maximum twice",            "maximum(maximum(x, y), y)",            "maximum(x, y)",              kInt | kBool},
    {"relu of relu",             "relu(relu(x))",                        "relu(x)",                    kNumber},
    {"relu of abs",              "relu(abs(x))",                         "abs(x)",                     kFloat},
    {"relu of unsigned",         "relu(x)",                              "x",                          kUnsigned},
    {"floor of integer",         "floor(x)",                             "x",                          kInt},
    {"ceil of integer",          "ceil(x)",                              "x",                          kInt},
    {"round of integer",         "round(x)",                             "x",                          kInt,
     keeps_ones},
    {"trunc of integer",         "trunc(x)",                             "x",                          kInt},
    {"floor of floor",           "floor(floor(x))",                      "floor(x)",                   kFloat},
    {"ceil of ceil",             "ceil(ceil(x))",                        "ceil(x)",                    kFloat},
    {"round of round",           "round(round(x))",                      "round(x)",                   kFloat,
     both_to_integers},
    {"trunc of trunc",           "trunc(trunc(x))",                      "trunc(x)",                   kFloat},
    {"trunc of floor",           "trunc(floor(x))",                      "floor(x)",                   kFloat},
    {"and itself",               "bitwise_and(x, x)",                    "x",                          kInt | kBool},
    {"and zero",                 "bitwise_and(x, 0)",                    "0",                          kInt | kBool},
    {"and all ones",             "bitwise_and(x, -1)",                   "x",                          kSigned},
    {"or itself",                "bitwise_or(x, x)",                     "x",                          kInt | kBool},
    {"or zero",                  "bitwise_or(x, 0)",                     "x",                          kInt | kBool},
    {"xor itself",               "bitwise_xor(x, x)",                    "0",                          kInt | kBool},
    {"xor zero",                 "bitwise_xor(x, 0)",                    "x",                          kInt | kBool},
    {"invert twice",             "bitwise_invert(bitwise_invert(x))",    "x",                          kInt | kBool},
    {"shift left by zero",       "bitwise_left_shift(x, 0)",             "x",                          kInt},
    {"shift right by zero",      "bitwise_right_shift(x, 0)",            "x",                          kInt},
    {"and true",                 "logical_and(x, true)",                 "x",                          kBool},
    {"and false",                "logical_and(x, false)",                "false",                      kAll},
    {"or false",                 "logical_or(x, false)",                 "x",                          kBool},
    {"or true",                  "logical_or(x, true)",                  "true",                       kAll},
    {"xor false",                "logical_xor(x, false)",                "x",                          kBool},
    {"both itself",              "logical_and(x, x)",                    "x",                          kBool},
    {"either itself",            "logical_or(x, x)",                     "x",                          kBool},
    {"not twice",                "logical_not(logical_not(x))",          "x",                          kBool},
    {"not equal",                "logical_not(equal(x, y))",             "not_equal(x, y)",            kAll},
    {"not unequal",              "logical_not(not_equal(x, y))",         "equal(x, y)",                kAll},
    {"not less",                 "logical_not(less(x, y))",              "greater_equal(x, y)",        kInt | kBool},
    {"not greater",              "logical_not(greater(x, y))",           "less_equal(x, y)",           kInt | kBool},
    {"not less equal",           "logical_not(less_equal(x, y))",        "greater(x, y)",              kInt | kBool},
    {"not greater equal",        "logical_not(greater_equal(x, y))",     "less(x, y)",                 kInt | kBool},
    {"equal to itself",          "equal(x, x)",                          "true",                       kInt | kBool},
    {"unequal to itself",        "not_equal(x, x)",                      "false",                      kInt | kBool},
    {"less than itself",         "less(x, x)",                           "false",                      kAll},
    {"greater than itself",      "greater(x, x)",                        "false",                      kAll},
    {"at most itself",           "less_equal(x, x)",                     "true",                       kInt | kBool},
    {"at least itself",          "greater_equal(x, x)",                  "true",                       kInt | kBool},
    {"integer is nan",           "isnan(x)",                             "false",                      kInt | kBool},
    {"integer is infinite",      "isinf(x)",                             "false",                      kInt | kBool},
    {"integer is finite",        "isfinite(x)",                          "true",                       kInt | kBool},
    {"where true",               "where(true, x, y)",                    "x",                          kAny},
    {"where false",              "where(false, x, y)",                   "y",                          kAny},
    {"where same",               "where(c, x, x)",                       "x",                          kAny},
    {"where not",                "where(logical_not(c), x, y)",          "where(c, y, x)",             kAny},
    {"where is its condition",   "where(x, true, false)",                "x",                          kBool},
    {"where is its opposite",    "where(x, false, true)",                "logical_not(x)",             kBool},
    {"cast to own dtype",        "cast(x)",                              "x",                          kAny},
    {"cast of cast",             "cast(cast(x))",                        "cast(x)",                    kAny,
     inner_cast_is_lossless},
    {"reshape to own shape",     "reshape(x)",                           "x",                          kAny},
    {"reshape of reshape",       "reshape(reshape(x))",                  "reshape(x)",                 kAny},
    {"reshape of expand_dims",   "reshape(expand_dims(x))",              "reshape(x)",                 kAny},
    {"reshape of squeeze",       "reshape(squeeze(x))",                  "reshape(x)",                 kAny},
    {"squeeze of expand_dims",   "squeeze(expand_dims(x))",              "x",                          kAny},
    {"expand_dims of squeeze",   "expand_dims(squeeze(x))",              "x",                          kAny},
    {"squeeze nothing",          "squeeze(x)",                           "x",                          kAny},
    {"permute nothing",          "permute_dims(x)",                      "x",                          kAny,
     keeps_order},
    {"permute of permute",       "permute_dims(permute_dims(x))",        "permute_dims(x)",            kAny,
     nullptr, composed_order},
    {"broadcast to own shape",   "broadcast_to(x)",                      "x",                          kAny},
    {"broadcast of broadcast",   "broadcast_to(broadcast_to(x))",        "broadcast_to(x)",            kAny},
    {"broadcast of expand_dims", "broadcast_to(expand_dims(x))",         "broadcast_to(x)",            kAny,
     adds_first_axis},
    {"flip nothing",             "flip(x)",                              "x",                          kAny,
     flips_nothing},
    {"flip of flip",             "flip(flip(x))",                        "flip(x)",                    kAny,
     both_have_axes, axes_flipped_once},
    {"stop gradient",            "stop_gradient(x)",                     "x",                          kAny},
    {"slice everything",         "slice(x)",                             "x",                          kAny,
     takes_everything},
    {"slice of slice",           "slice(slice(x))",                      "slice(x)",                   kAny,
     nullptr, composed_slice},
    {"concat of one",            "concat(x)",                            "x",                          kAny},
    {"sum over no axes",         "sum(x)",                               "x",                          kInt,
     over_no_axes},
    {"product over no axes",     "prod(x)",                              "x",                          kNumber,
     over_no_axes},
    {"maximum over no axes",     "max(x)",                               "x",                          kAll,
     over_no_axes},
    {"minimum over no axes",     "min(x)",                               "x",                          kAll,
     over_no_axes},
    {"any over no axes",         "any(x)",                               "x",                          kBool,
     over_no_axes},
    {"all over no axes",         "all(x)",                               "x",                          kBool,
     over_no_axes},
};

// What `numerics="fast"` allows besides: the results differ in the last bits, or where a step in between overflows.
constexpr Rule kFastRules[] = {
    {"divide by constant",       "divide(x, y)",                         "multiply(x, reciprocal(y))", kWide,
     has_reciprocal},
    {"divide twice",             "divide(divide(x, y), z)",              "divide(x, multiply(y, z))",  kFloat},
    {"multiply twice",           "multiply(multiply(x, y), z)",          "multiply(x, multiply(y, z))", kFloat,
     both_constant},
    {"add twice",                "add(add(x, y), z)",                    "add(x, add(y, z))",          kFloat,
     both_constant},
    {"subtract twice",           "subtract(subtract(x, y), z)",          "subtract(x, add(y, z))",     kFloat,
     both_constant},
    {"add and subtract",         "subtract(add(x, y), z)",               "add(x, subtract(y, z))",     kFloat,
     both_constant},
    {"subtract and add",         "add(subtract(x, y), z)",               "add(x, subtract(z, y))",     kFloat,
     both_constant},
    {"power three",              "pow(x, 3)",                            "multiply(square(x), x)",     kFloat},
    {"power minus one",          "pow(x, -1)",                           "reciprocal(x)",              kFloat},
    {"power one half",           "pow(x, 0.5)",                          "sqrt(x)",                    kFloat},
};
// clang-format on

}  // namespace

std::span<const Rule> simplify_rules() { return kRules; }
std::span<const Rule> reassociate_rules() { return kFastRules; }

bool is_lossless(DType from, DType to) {
  if (from == to || from == DType::boolean) return true;
  if (to == DType::boolean) return false;
  if (is_complex(to)) return is_lossless(real_type(from), real_type(to));
  if (is_complex(from)) return false;
  const DTypeInfo &a = info(from), &b = info(to);
  const auto bits = [](const DTypeInfo& row) { return row.size * 8 - (row.is_signed ? 1 : 0); };
  if (a.kind == Kind::floating) return b.kind == Kind::floating && a.size < b.size;
  if (b.kind == Kind::floating) return bits(a) <= b.mantissa;
  return bits(a) <= bits(b) && (b.is_signed || !a.is_signed);
}

}  // namespace tandem
