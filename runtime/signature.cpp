#include "runtime/signature.h"

#include <algorithm>

namespace tandem {

Signature::Signature(std::span<const InputSpec> inputs, std::vector<ShapeGuard> guards, size_t symbol_count)
    : guards_(std::move(guards)) {
  std::vector<bool> seen(symbol_count, false);
  const auto check_of = [&seen](Dim dim) -> DimCheck {
    if (dim.is_constant()) return {dim.constant(), -1, false};
    const int symbol = dim.symbol_count() - 1;
    if (!(dim == Dim::symbol(symbol))) return {0, -1, false, dim};
    const bool first = !seen[static_cast<size_t>(symbol)];
    seen[static_cast<size_t>(symbol)] = true;
    return {0, symbol, first};
  };
  for (const InputSpec& input : inputs) {
    InputCheck check{input.dtype, input.contiguous, {}, {}};
    for (const Dim& d : input.sizes) check.sizes.push_back(check_of(d));
    for (const Dim& s : input.strides) check.strides.push_back(check_of(s));
    checks_.push_back(std::move(check));
  }
}

const CapturedOutput& chosen(const CapturedOutput& output, std::span<const Buffer> made) {
  const auto found = std::find_if(output.choices.begin(), output.choices.end(), [made](const CapturedOutput& choice) {
    const Buffer& flag = made[static_cast<size_t>(choice.flag)];
    if (flag.storage->gpu < 0) return *static_cast<const bool*>(flag.data);
    bool value = false;
    copy_bytes({}, &value, device_of(*flag.storage), flag.data, 1);
    return value;
  });
  return found != output.choices.end() ? *found : output;
}

ArrayLayout layout_of_value(const Program& program, size_t result, const int64_t* symbols) {
  const View& view = program.outputs[result];
  ArrayLayout found;
  for (DimRef d : view.shape) found.sizes.push_back(program.dims[static_cast<size_t>(d)].evaluate(symbols));
  for (DimRef d : view.strides) found.strides.push_back(program.dims[static_cast<size_t>(d)].evaluate(symbols));
  return found;
}

ArrayLayout layout_of_view(const CapturedOutput& output, const int64_t* symbols) {
  ArrayLayout found;
  for (const Dim& d : output.type.shape) found.sizes.push_back(d.evaluate(symbols));
  for (const Dim& s : output.layout.strides) found.strides.push_back(s.evaluate(symbols));
  found.offset = output.layout.offset.evaluate(symbols);
  return found;
}

}  // namespace tandem
