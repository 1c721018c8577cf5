#include "frontend/checks.h"

#include <fmt/ranges.h>
#include <atomic>
#include "frontend/tape.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace tandem {

namespace {

std::atomic<unsigned> process_checks{0};
std::atomic<int> threads_checking{0};
thread_local unsigned thread_checks = 0;

struct Found {
  int64_t nans = 0, infinities = 0;
  int64_t first = -1;  // of those that are looked for, in row-major order
};

// An exponent of ones only; a mantissa of zero says which of the two it is.
template <class Bits>
Found scan(const void* data, int64_t count, Bits exponent, unsigned wanted) {
  Found found;
  const auto* values = static_cast<const Bits*>(data);
  const Bits magnitude = static_cast<Bits>(~(Bits{1} << (8 * sizeof(Bits) - 1)));
  for (int64_t i = 0; i < count; ++i) {
    const Bits value = values[i] & magnitude;
    if (value < exponent) [[likely]]
      continue;
    const bool nan = value > exponent;
    ++(nan ? found.nans : found.infinities);
    if (found.first < 0 && (wanted & (nan ? kFindNans : kFindInfinities)) != 0) found.first = i;
  }
  return found;
}

// Of complex numbers the two parts are looked at and counted; the place is that of the number.
Found of_parts(Found found) {
  if (found.first >= 0) found.first /= 2;
  return found;
}

Found scan(const TensorRef& x, unsigned wanted) {
  const TensorRef there = x->is_contiguous() ? x : contiguous_copy(x), dense = on_host(detached(there));
  const int64_t count = element_count(x->sizes);
  switch (x->dtype) {
    case DType::f16: return scan<uint16_t>(dense->data, count, 0x7C00, wanted);
    case DType::bf16: return scan<uint16_t>(dense->data, count, 0x7F80, wanted);
    case DType::f32: return scan<uint32_t>(dense->data, count, 0x7F800000u, wanted);
    case DType::f64: return scan<uint64_t>(dense->data, count, 0x7FF0000000000000u, wanted);
    case DType::c64: return of_parts(scan<uint32_t>(dense->data, 2 * count, 0x7F800000u, wanted));
    case DType::c128: return of_parts(scan<uint64_t>(dense->data, 2 * count, 0x7FF0000000000000u, wanted));
    default: return {};
  }
}

std::string value_at(const TensorRef& of, std::span<const int64_t> index) {
  const TensorRef there = is_cpu(of->device) ? of : on_host(detached(of));
  const Tensor& x = *there;
  int64_t offset = 0;
  for (int k = 0; k < x.rank(); ++k) offset += x.sizes[k] == 1 ? 0 : index[static_cast<size_t>(k)] * x.strides[k];
  const char* at = static_cast<const char*>(x.data) + offset * size_of(x.dtype);
  const DType part = real_type(x.dtype);
  const double re = to_double(part, read_element(part, at));
  if (!is_complex(x.dtype)) return fmt::format("{}", re);
  return fmt::format("{}{:+}j", re, to_double(part, read_element(part, at + size_of(part))));
}

std::string counted(int64_t count, const char* one, const char* more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

// Where the first one is; of a pointwise operation also which values gave it: "log(-1.0) at [2]".
std::string first_place(const OpDef& op, std::span<const TensorRef> inputs, const Tensor& result, int64_t first) {
  std::vector<int64_t> index(static_cast<size_t>(result.rank()));
  for (int k = result.rank(); k-- > 0; first /= std::max<int64_t>(result.sizes[k], 1))
    index[static_cast<size_t>(k)] = first % std::max<int64_t>(result.sizes[k], 1);
  std::string text;
  if (std::holds_alternative<PointwiseRule>(op.lower)) {
    for (const TensorRef& input : inputs) {
      const auto skipped = static_cast<size_t>(result.rank() - input->rank());
      text += fmt::format("{}{}", text.empty() ? "" : ", ", value_at(input, std::span(index).subspan(skipped)));
    }
    text = fmt::format("{}({})", op.name, text);
  }
  if (result.rank() == 0) return text;
  return fmt::format("{}{}at [{}]", text, text.empty() ? "" : " ", fmt::join(index, ", "));
}

}  // namespace

unsigned set_thread_checks(unsigned wanted) {
  const unsigned before = std::exchange(thread_checks, wanted);
  threads_checking.fetch_add((wanted != 0 ? 1 : 0) - (before != 0 ? 1 : 0));
  return before;
}

unsigned set_process_checks(unsigned wanted) { return process_checks.exchange(wanted); }

unsigned result_checks() {
  const unsigned all = process_checks.load(std::memory_order_relaxed);
  return threads_checking.load(std::memory_order_relaxed) == 0 ? all : all | thread_checks;
}

void check_result(unsigned wanted, const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs,
                  const TensorRef& result) {
  if (!is_inexact(result->dtype) || std::holds_alternative<ViewRule>(op.lower)) return;
  const Found found = scan(result, wanted);
  if (found.first < 0) return;
  const auto given = [wanted](double value) {
    return std::isnan(value) ? (wanted & kFindNans) != 0 : std::isinf(value) && (wanted & kFindInfinities) != 0;
  };
  for (const Attr& attr : attrs)
    if (const auto* real = std::get_if<double>(&attr); real && given(*real)) return;
  for (const TensorRef& input : inputs)
    if (scan(input, wanted).first >= 0) return;
  std::string what, types, first = first_place(op, inputs, *result, found.first);
  if ((wanted & kFindNans) != 0 && found.nans > 0) what = counted(found.nans, "NaN", "NaNs");
  if ((wanted & kFindInfinities) != 0 && found.infinities > 0)
    what += (what.empty() ? "" : " and ") + counted(found.infinities, "infinity", "infinities");
  for (const TensorRef& input : inputs) types += (types.empty() ? "" : ", ") + to_text(input->type());
  throw_error(ErrorKind::nonfinite,
              "{}: got {} in the {} of its result {}{}{}; need inputs it has finite values for; "
              "try looking at them, or masking them with td.where before the operation",
              op.name, what, counted(element_count(result->sizes), "element", "elements"), to_text(result->type()),
              types.empty() ? "" : fmt::format(" from {} without any", types),
              first.empty() ? "" : fmt::format(", first {}", first));
}

}  // namespace tandem
