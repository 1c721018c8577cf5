// `arange` over symbolic sizes: positions of a sequence whose length differs from call to call.
#include <algorithm>

#include "ir/rules.h"
#include "python/bindings/bindings.h"

namespace tandem {

namespace {

const std::vector<Dim>* size_in(const Attr& attr) { return std::get_if<std::vector<Dim>>(&attr); }

TensorRef number_of(const Dim& dim, DType dtype) { return call("cast", {Recorder::current()->from_dim(dim)}, {dtype}); }

}  // namespace

TensorRef range_of_sizes(Attrs& attrs) {
  Attr &start = attrs[0], &stop = attrs[1], &step = attrs[2];
  const bool symbolic =
      std::any_of(&start, &start + 2, [](const Attr& a) { return size_in(a) && !size_in(a)->front().is_constant(); });
  const auto steps_of_one = [&] { return std::holds_alternative<int64_t>(step) && std::get<int64_t>(step) == 1; };
  const bool whole = std::none_of(&start, &start + 2, [](const Attr& a) { return std::holds_alternative<double>(a); });
  if (!symbolic || !whole || !steps_of_one()) {
    for (Attr* attr : {&start, &stop, &step}) {
      const auto* size = size_in(*attr);
      if (size)
        *attr = size->front().is_constant() ? size->front().constant()
                                            : Recorder::current()->env().specialize(size->front());
    }
    return {};
  }
  const auto dim_of = [](const Attr& a) {
    if (const auto* size = size_in(a)) return size->front();
    return Dim(std::holds_alternative<bool>(a) ? int64_t{std::get<bool>(a)} : std::get<int64_t>(a));
  };
  const bool one_number = std::holds_alternative<std::monostate>(stop);
  const Dim first = one_number ? Dim(0) : dim_of(start), end = dim_of(one_number ? start : stop);
  const bool empty = Recorder::current()->env().decide(end, Relation::lt, first);
  const auto dtype = std::get<DType>(attrs[3]);
  const DType wide = is_inexact(dtype) ? DType::f64 : DType::i64;
  TensorRef range = call("iota", {}, {std::vector<Dim>{empty ? Dim(0) : end - first}, int64_t{0}, wide});
  if (!first.is(0)) range = call("add", {range, number_of(first, wide)}, {});
  return call("cast", {range}, {dtype});
}

}  // namespace tandem
