#include "deploy/printing.h"

#include <atomic>
#include <charconv>
#include <cmath>
#include <complex>
#include <cstdio>

#include "ir/dtype.h"
#include "ir/error.h"
#include "runtime/elements.h"

namespace tandem::deploy {

namespace {

constexpr int64_t kMost = 1000;  // elements that are shown

std::atomic<PrintHook> print_hook{nullptr};

// Of one digit at least behind the point, as Python has it; `value` is float or double, for the shortest text.
template <class T>
std::string number_text(T value, std::string_view spec) {
  if (!spec.empty()) {
    try {
      return fmt::format(fmt::runtime(fmt::format("{{:{}}}", spec)), value);
    } catch (const fmt::format_error&) {
      spec = {};  // Python's alone
    }
  }
  std::string text = fmt::format("{}", value);
  if constexpr (std::is_floating_point_v<T>)
    if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string element_text(const HostTensor& x, int64_t at, std::string_view spec) {
  const char* place = static_cast<const char*>(x.data) + at * size_of(x.dtype);
  const auto real = [&]<class T>(T) { return number_text(*reinterpret_cast<const T*>(place), spec); };
  switch (x.dtype) {
    case DType::boolean: return *place != 0 ? "True" : "False";
    case DType::f32: return real(float{});
    case DType::f64: return real(double{});
    case DType::f16: return number_text(half_to_float(*reinterpret_cast<const uint16_t*>(place)), spec);
    case DType::bf16: return number_text(bfloat_to_float(*reinterpret_cast<const uint16_t*>(place)), spec);
    case DType::c64: {
      const auto value = *reinterpret_cast<const std::complex<float>*>(place);
      return fmt::format("({}{:+}j)", value.real(), value.imag());
    }
    case DType::c128: {
      const auto value = *reinterpret_cast<const std::complex<double>*>(place);
      return fmt::format("({}{:+}j)", value.real(), value.imag());
    }
    case DType::i8: return real(int8_t{});
    case DType::u8: return real(uint8_t{});
    case DType::i16: return real(int16_t{});
    case DType::u16: return real(uint16_t{});
    case DType::i32: return real(int32_t{});
    case DType::u32: return real(uint32_t{});
    case DType::i64: return real(int64_t{});
    case DType::u64: return real(uint64_t{});
  }
  return {};
}

void write(const HostTensor& x, size_t axis, int64_t& at, std::string& to) {
  if (axis == x.shape.size()) {
    to += element_text(x, at++, "");
    return;
  }
  to += '[';
  for (int64_t k = 0; k < x.shape[axis]; ++k) {
    if (k > 0) to += axis + 1 < x.shape.size() ? '\n' : ' ';
    write(x, axis + 1, at, to);
  }
  to += ']';
}

std::string value_text(const HostTensor& x, std::string_view spec) {
  if (x.shape.empty()) return element_text(x, 0, spec);
  int64_t count = 1, at = 0;
  for (const int64_t size : x.shape) count *= size;
  if (count > kMost) return fmt::format("{}[{}]", info(x.dtype).name, fmt::join(x.shape, ", "));
  std::string text;
  write(x, 0, at, text);
  return text;
}

}  // namespace

bool parse_printed(std::string_view text, Printed& printed) {
  constexpr std::string_view kOut = "print: ", kErrors = "print to stderr: ";
  printed.to_errors = text.starts_with(kErrors);
  if (!printed.to_errors && !text.starts_with(kOut)) return false;
  text.remove_prefix(printed.to_errors ? kErrors.size() : kOut.size());
  printed.format.clear();
  for (size_t k = 0; k < text.size(); ++k) {
    const bool escaped = text[k] == '\\' && k + 1 < text.size();
    if (escaped) ++k;
    printed.format += escaped && text[k] == 'n' ? '\n' : text[k];
  }
  return true;
}

std::string formatted(std::string_view format, std::span<const HostTensor> values) {
  std::string text;
  for (size_t k = 0; k < format.size(); ++k) {
    const char c = format[k];
    if (c != '{' && c != '}') {
      text += c;
      continue;
    }
    if (k + 1 < format.size() && format[k + 1] == c) {
      text += c;
      ++k;
      continue;
    }
    const size_t end = format.find('}', k);
    if (c == '}' || end == std::string_view::npos) break;  // no format of ours
    std::string_view field = format.substr(k + 1, end - k - 1), spec;
    if (const size_t colon = field.find(':'); colon != std::string_view::npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    field = field.substr(0, field.find('!'));
    size_t number = 0;
    std::from_chars(field.data(), field.data() + field.size(), number);
    if (number < values.size()) text += value_text(values[number], spec);
    k = end;
  }
  return text;
}

void set_print_hook(PrintHook hook) { print_hook = hook; }

void show(const Printed& printed, std::span<const HostTensor> values) {
  if (const PrintHook hook = print_hook.load()) return hook(printed, values);
  const std::string text = formatted(printed.format, values);
  std::fwrite(text.data(), 1, text.size(), printed.to_errors ? stderr : stdout);
}

}  // namespace tandem::deploy
