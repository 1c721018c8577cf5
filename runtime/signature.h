// What a program expects of its inputs, and what becomes of its results. Compiled functions and models from files share
// it.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "ir/op.h"
#include "ir/sizes.h"
#include "runtime/program.h"

namespace tandem {

struct InputSpec {
  DType dtype;
  bool contiguous = true;
  Shape sizes;
  Shape strides = {};  // in elements, unless contiguous
};

class Signature {
 public:
  Signature() = default;
  Signature(std::span<const InputSpec> inputs, std::vector<ShapeGuard> guards, size_t symbol_count);

  // Whether these inputs fit; finds the values of the symbols. `inputs[i]` has dtype, sizes, strides and
  // is_contiguous(). At the first mismatch returns fail(input, format, arguments...); for a guard, input is -1.
  template <class Inputs, class Fail>
  bool match(const Inputs& inputs, int64_t* symbols, Fail&& fail) const;

  const std::vector<ShapeGuard>& guards() const { return guards_; }

 private:
  struct DimCheck {
    int64_t value;  // when symbol < 0 and it is no expression
    int symbol;
    bool first;                                    // the place the symbol is read from; others must agree
    std::optional<Dim> expression = std::nullopt;  // of symbols: what those found must give
  };
  struct InputCheck {
    DType dtype;
    bool contiguous;
    std::vector<DimCheck> sizes, strides;
  };
  template <class Values, class Fail>
  static bool match_dims(const std::vector<DimCheck>& checks, const Values& values, int64_t* symbols, Fail&& fail);

  std::vector<InputCheck> checks_;
  std::vector<ShapeGuard> guards_;
};

struct CapturedOutput {
  enum class Kind : uint8_t { value, argument_view, result_view } kind = Kind::value;
  int index = -1;           // of the program's results, or of the input
  bool weak = false;        // hand back a Python number
  bool identical = false;   // the argument itself
  bool contiguous = false;  // whatever it is a view of in the graph
  TensorType type = {};     // of a view
  Layout layout = {};
  // What it is instead on some paths: the first of these, views, whose `flag`, a result of the graph, holds.
  std::vector<CapturedOutput> choices = {};
  int flag = -1;
};

// What it is after this run, whose results are `made`.
const CapturedOutput& chosen(const CapturedOutput& output, std::span<const Buffer> made);

struct ArrayLayout {
  Sizes sizes, strides;
  int64_t offset = 0;  // in elements, from the data of what it is a view of
};
ArrayLayout layout_of_value(const Program& program, size_t result, const int64_t* symbols);
ArrayLayout layout_of_view(const CapturedOutput& output, const int64_t* symbols);

// ---- Implementation -----------------------------------------------------------------------------------------------

template <class Values, class Fail>
bool Signature::match_dims(const std::vector<DimCheck>& checks, const Values& values, int64_t* symbols, Fail&& fail) {
  for (int k = 0; k < values.size(); ++k) {
    const DimCheck& d = checks[static_cast<size_t>(k)];
    if (d.expression) continue;
    if (d.symbol < 0 ? d.value != values[k] : !d.first && symbols[d.symbol] != values[k])
      return fail(k, d.symbol < 0 ? d.value : symbols[d.symbol], values[k]);
    if (d.symbol >= 0 && d.first) symbols[d.symbol] = values[k];
  }
  for (int k = 0; k < values.size(); ++k)
    if (const auto& wanted = checks[static_cast<size_t>(k)].expression;
        wanted && wanted->evaluate(symbols) != values[k])
      return fail(k, wanted->evaluate(symbols), values[k]);
  return true;
}

template <class Inputs, class Fail>
bool Signature::match(const Inputs& inputs, int64_t* symbols, Fail&& fail) const {
  for (size_t i = 0; i < checks_.size(); ++i) {
    const auto& x = inputs[i];
    const InputCheck& check = checks_[i];
    const int input = static_cast<int>(i);
    if (x.dtype != check.dtype) return fail(input, "dtype was {}, is {}", info(check.dtype).name, info(x.dtype).name);
    if (x.sizes.size() != static_cast<int>(check.sizes.size()))
      return fail(input, "number of axes was {}, is {}", check.sizes.size(), x.sizes.size());
    const auto other_size = [&](int axis, int64_t was, int64_t is) {
      return fail(input, "size of axis {} was {}, is {}", axis, was, is);
    };
    if (!match_dims(check.sizes, x.sizes, symbols, other_size)) return false;
    if (check.contiguous) {
      if (!x.is_contiguous()) return fail(input, "it was contiguous, is not");
      continue;
    }
    if (x.is_contiguous()) return fail(input, "it was not contiguous, is now");
    const auto other_stride = [&](int axis, int64_t was, int64_t is) {
      return fail(input, "stride of axis {} was {}, is {}", axis, was, is);
    };
    if (!match_dims(check.strides, x.strides, symbols, other_stride)) return false;
  }
  for (const ShapeGuard& guard : guards_)
    if (!guard.holds(symbols)) return fail(-1, "sizes: {} no longer holds", to_text(guard));
  return true;
}

}  // namespace tandem
