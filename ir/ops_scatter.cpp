// Writing at indices: the inverse of `take` (index_update, segment_sum) and of `take_along_axis` (scatter and its kin).
// All of them are index_update, which writes in the order of the indices.
#include "ir/put_mode.h"
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

void check_indices(InferContext& c, const TensorType& indices) {
  if (!is_integer(indices.dtype))
    c.fail(ErrorKind::dtype, "got indices of dtype {}; need an integer dtype; try indices.astype(td.int64)",
           info(indices.dtype).name);
}

void check_values(InferContext& c, const TensorType& values, const Shape& place) {
  const size_t rank = values.shape.size();
  bool fits = rank <= place.size();
  for (size_t k = 0; fits && k < rank; ++k)
    fits = values.shape[k].is(1) || c.env.equal(values.shape[k], place[place.size() - rank + k]);
  if (!fits)
    c.fail(ErrorKind::shape, "got values of shape {} for a place of shape {}; need a shape that broadcasts to it",
           to_text(values.shape), to_text(place));
}

// What may be written to elements of x, or combined with them, without x becoming something else.
void check_number(InferContext& c, PutMode mode) {
  const DType x = c.inputs[0].dtype, values = c.inputs[2].dtype;
  const bool fits = mode == PutMode::set ? info(values).kind <= info(x).kind : promote(x, values) == x;
  if (!fits)
    c.fail(ErrorKind::dtype, "got {} values for a {} tensor; need values of its dtype; try values.astype(td.{})",
           info(values).name, info(x).name, info(x).name);
  if (mode != PutMode::set && x == DType::boolean)
    c.fail(ErrorKind::dtype, "got dtype bool; need a numeric dtype; try x.astype(...)");
  if (is_complex(x) && mode != PutMode::set && mode != PutMode::add)
    c.fail(ErrorKind::dtype, "got dtype {}; need a real dtype; try td.real(x) or td.abs(x)", info(x).name);
}

// ---- index_update ----

Shape place_of(const Shape& table, const Shape& indices, int64_t axis) {
  Shape place = table;
  place.insert(place.erase(place.begin() + axis), indices.begin(), indices.end());
  return place;
}

TensorType index_update_type(InferContext& c) {
  check_indices(c, c.inputs[1]);
  const TensorType& x = c.inputs[0];
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  c.attr("axis") = axis;
  check_values(c, c.inputs[2], place_of(x.shape, c.inputs[1].shape, axis));
  return x;
}

// The gradient of a write, given what reads the places that it writes to, and how it writes.
template <class Gather, class Write>
Grads write_grad(const GradContext& c, PutMode mode, const Gather& gather, const Write& write) {
  const Value &x = c.inputs[0], &values = c.inputs[2];
  const DType dtype = c.upstream.dtype();
  const auto like_x = [&](DType type, double value) { return c.b.full(x.shape(), type, value); };
  const auto of_values = [&](const Value& gradient) { return cast(unbroadcast(gradient, values), values.dtype()); };
  const Value read = gather(c.upstream);
  const Value written = broadcast_to(cast(values, x.dtype()), read.shape());
  switch (mode) {
    case PutMode::set: {
      const Value rest = write(PutMode::set, c.upstream, c.b.scalar(dtype, 0));
      if (c.inputs[1].shape().empty()) return {rest, {}, of_values(read)};
      // Where indices repeat, only what was written last has a gradient.
      const Value count = c.b.emit("iota", {}, {Shape{element_count(read.shape())}, int64_t{0}, DType::i64});
      const Value number = reshape(count, read.shape());
      const Value last = gather(write(PutMode::set, like_x(DType::i64, 0), number));
      return {rest, {}, of_values(where(binary("equal", last, number), read, c.b.scalar(dtype, 0)))};
    }
    case PutMode::add: return {c.upstream, {}, of_values(read)};
    case PutMode::multiply: {
      const Value others = write(PutMode::multiply, like_x(x.dtype(), 1), values);
      return {c.upstream * others, {}, of_values(gather(c.upstream * c.output) / written)};
    }
    case PutMode::maximum:
    case PutMode::minimum: {
      // Shared evenly among those that are the result.
      const Value kept = cast(binary("equal", x, c.output), dtype);
      const Value took = cast(binary("equal", written, gather(c.output)), dtype);
      const Value share = c.upstream / write(PutMode::add, kept, took);
      return {share * kept, {}, of_values(gather(share) * took)};
    }
  }
  return {};
}

Grads index_update_grad(const GradContext& c) {
  const Attr axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  const auto mode = static_cast<PutMode>(attr_as<int64_t>(c.op, c.attrs, "mode"));
  return write_grad(
      c, mode, [&](const Value& from) { return c.b.emit("take", {from, c.inputs[1]}, {axis}); },
      [&](PutMode how, const Value& base, const Value& values) {
        return c.b.emit("index_update", {base, c.inputs[1], values}, {axis, static_cast<int64_t>(how)});
      });
}

// ---- scatter ----

template <PutMode Mode>
TensorType scatter_type(InferContext& c) {
  const TensorType &x = c.inputs[0], &indices = c.inputs[1];
  check_indices(c, indices);
  check_number(c, Mode);
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  c.attr("axis") = axis;
  bool fits = x.rank() == indices.rank();
  for (size_t k = 0; fits && k < x.shape.size(); ++k)
    fits = static_cast<int64_t>(k) == axis || indices.shape[k].is(1) || c.env.equal(x.shape[k], indices.shape[k]);
  if (!fits)
    c.fail(ErrorKind::shape, "got shapes {} and {}; need indices that agree everywhere but along axis {}",
           to_text(x.shape), to_text(indices.shape), axis);
  Shape place = x.shape;
  place[static_cast<size_t>(axis)] = indices.shape[static_cast<size_t>(axis)];
  check_values(c, c.inputs[2], place);
  return x;
}

// As an index_update of x with all axes made one.
template <PutMode Mode>
Value scatter_formula(Builder& b, std::span<const Value> x, const OpDef& row, const Attrs& attrs) {
  const auto axis = attr_as<int64_t>(row, attrs, "axis");
  const Shape& shape = x[0].shape();
  const auto write = [&](const Value& base, const Value& index, const Value& values, bool checked) {
    return b.emit("index_update", {base, index, values}, {int64_t{0}, static_cast<int64_t>(Mode), checked});
  };
  if (shape.size() == 1) return write(x[0], x[1], x[2], false);
  const auto at = shape.begin() + axis;
  const Dim before = element_count(Shape(shape.begin(), at)), after = element_count(Shape(at + 1, shape.end()));
  Shape place = shape;
  place[static_cast<size_t>(axis)] = x[1].shape()[static_cast<size_t>(axis)];
  const Shape block = {before, place[static_cast<size_t>(axis)], after};
  Value index = b.emit("check_index", {x[1]}, {std::vector<Dim>{*at}, axis});
  index = reshape(broadcast_to(cast(index, DType::i64), place), block);
  const auto size = [&](const Dim& dim) { return dim_value(b, dim, DType::i64); };
  const auto number = [&](int64_t k) { return b.emit("iota", {}, {block, k, DType::i64}); };
  index = where(binary("less", index, b.scalar(DType::i64, 0)), index + size(*at), index);
  index = (number(0) * size(*at) + index) * size(after) + number(2);
  const Shape flat = {element_count(place)};
  const Value values = reshape(broadcast_to(x[2], place), flat);
  return reshape(write(reshape(x[0], {element_count(shape)}), reshape(index, flat), values, true), shape);
}

std::string_view scatter_name(PutMode mode) {
  switch (mode) {
    case PutMode::set: return "scatter";
    case PutMode::add: return "scatter_add";
    case PutMode::multiply: return "scatter_multiply";
    case PutMode::maximum: return "scatter_maximum";
    case PutMode::minimum: return "scatter_minimum";
  }
  return "";
}

template <PutMode Mode>
Grads scatter_grad(const GradContext& c) {
  const Attr axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  Shape place = c.inputs[0].shape();
  const auto along = static_cast<size_t>(std::get<int64_t>(axis));
  place[along] = c.inputs[1].shape()[along];
  const Value indices = broadcast_to(c.inputs[1], place);
  return write_grad(
      c, Mode, [&](const Value& from) { return c.b.emit("take_along_axis", {from, indices}, {axis}); },
      [&](PutMode how, const Value& base, const Value& values) {
        return c.b.emit(scatter_name(how), {base, indices, values}, {axis});
      });
}

template <PutMode Mode>
OpDef scatter_row(std::string_view onnx, std::string_view doc, std::string_view example) {
  return {.name = scatter_name(Mode),
          .traits = static_cast<uint32_t>(Trait::mixed),
          .accepts = Mode == PutMode::set ? Accepts::any : Accepts::numeric,
          .infer = scatter_type<Mode>,
          .lower = scatter_formula<Mode>,
          .grad = scatter_grad<Mode>,
          .onnx = onnx,
          .doc = doc,
          .example = example};
}

// ---- segment_sum ----

TensorType segment_sum_type(InferContext& c) {
  const TensorType &values = c.inputs[0], &ids = c.inputs[1];
  check_indices(c, ids);
  if (values.dtype == DType::boolean)
    c.fail(ErrorKind::dtype, "got dtype bool; need a numeric dtype; try x.astype(...)");
  if (values.rank() == 0 || ids.rank() != 1 || !c.env.equal(values.shape[0], ids.shape[0]))
    c.fail(ErrorKind::shape, "got values of shape {} and segment_ids of shape {}; need one id for each row of values",
           to_text(values.shape), to_text(ids.shape));
  const auto& count = c.get<std::vector<Dim>>("num_segments");
  if (count.size() != 1 || c.env.decide(count[0], Relation::lt, 0))
    c.fail(ErrorKind::value, "got num_segments={}; need one number, 0 or more", to_text(Shape(count)));
  TensorType out = values;
  out.shape[0] = count[0];
  return out;
}

Value segment_sum_formula(Builder& b, std::span<const Value> x, const OpDef& row, const Attrs& attrs) {
  Shape shape = x[0].shape();
  shape[0] = attr_as<std::vector<Dim>>(row, attrs, "num_segments")[0];
  const Attrs add = {int64_t{0}, static_cast<int64_t>(PutMode::add)};
  return b.emit("index_update", {b.full(shape, x[0].dtype(), 0), x[1], x[0]}, add);
}

}  // namespace

std::vector<OpDef> scatter_ops() {
  std::vector<OpDef> rows = with(
      {.inputs = {"x", "indices", "values"},
       .attrs = {{"axis", AttrKind::axis, Attr{int64_t{-1}}}},
       .checks = IndexCheck{1, 0},
       .samples = {"(6,) (4,):index6 (4,)", "(3, 6) (3, 2):index6 (3, 2)", "(6, 3) (9, 3):index6 (9, 3) | axis=0",
                   "(2, 5, 3) (2, 7, 1):index5 (3,) | axis=1", "(3, 6) (3, 0):index6 (3, 0)"}},
      {scatter_row<PutMode::set>(
           "rule: ScatterElements",
           "Return x with values written at the given indices along an axis, the last one where indices repeat. "
           "The indices have the shape of x but along the axis, or broadcast to it, and so do the values to them; "
           "the inverse of `take_along_axis`. An index outside [-size, size) raises IndexError.",
           "td.scatter(td.asarray([5, 6, 7]), td.asarray([2, 0]), td.asarray([1, 2]))  # tensor([2, 6, 1])"),
       scatter_row<PutMode::add>(
           "rule: ScatterElements",
           "Return x with values added at the given indices along an axis, one after another where indices repeat. "
           "Shapes and errors are those of `scatter`.",
           "td.scatter_add(td.asarray([5, 6, 7]), td.asarray([2, 2]), td.asarray([1, 2]))  # tensor([ 5,  6, 10])"),
       scatter_row<PutMode::multiply>(
           "rule: ScatterElements",
           "Return x multiplied by values at the given indices along an axis, one after another where indices "
           "repeat. Shapes and errors are those of `scatter`. The gradient of a value that is 0 is NaN.",
           "td.scatter_multiply(td.asarray([5, 6, 7]), td.asarray([0, 0]), td.asarray([2, 3]))  "
           "# tensor([30,  6,  7])"),
       scatter_row<PutMode::maximum>(
           "rule: ScatterElements",
           "Return the larger one of x and the values at the given indices along an axis, NaN if one of them is. "
           "Shapes and errors are those of `scatter`.",
           "td.scatter_maximum(td.asarray([5, 6, 7]), td.asarray([0, 0]), td.asarray([9, 8]))  "
           "# tensor([9, 6, 7])"),
       scatter_row<PutMode::minimum>(
           "rule: ScatterElements",
           "Return the smaller one of x and the values at the given indices along an axis, NaN if one of them is. "
           "Shapes and errors are those of `scatter`.",
           "td.scatter_minimum(td.asarray([5, 6, 7]), td.asarray([0, 0]), td.asarray([9, 3]))  "
           "# tensor([3, 6, 7])")});
  rows.push_back({.name = "segment_sum",
                  .inputs = {"values", "segment_ids"},
                  .attrs = {{"num_segments", AttrKind::shape, std::nullopt, "one number"}},
                  .traits = static_cast<uint32_t>(Trait::mixed),
                  .accepts = Accepts::numeric,
                  .infer = segment_sum_type,
                  .lower = segment_sum_formula,
                  .checks = IndexCheck{1, IndexCheck::kResult},
                  .grad = [](const GradContext& c) -> Grads {
                    return {c.b.emit("take", {c.upstream, c.inputs[1]}, {int64_t{0}}), {}};
                  },
                  .onnx = "compose",
                  .doc =
                      "Return the sums of the rows of values [n, ...] that have the same one of the segment_ids [n], "
                      "added in order, as [num_segments, ...]; 0 where there are none. An id outside "
                      "[-num_segments, num_segments) raises IndexError.",
                  .example = "td.segment_sum(td.asarray([5, 6, 7]), td.asarray([0, 1, 0]), 3)  # tensor([12,  6,  0])",
                  .samples = {"(7,) (7,):index4 | num_segments=4", "(5, 3) (5,):index4 | num_segments=6",
                              "(0, 2) (0,):index4 | num_segments=2"}});
  rows.push_back(
      {.name = "places_under_mask",
       .inputs = {"mask"},
       .attrs = {{"length", AttrKind::dims, std::nullopt, "one number"}},
       .traits = Trait::internal | Trait::may_fail,
       .accepts = Accepts::boolean,
       .infer = [](InferContext& c) { return TensorType{DType::i64, c.inputs[0].shape, c.inputs[0].device}; },
       .lower = Structure::library,
       .grad = kNotDifferentiable,
       .onnx = "none: there is no such operator",
       .doc = "Return how many elements before each one of a mask are true, at most length - 1; there must be "
              "`length` of them."});
  rows.push_back({.name = "index_update",
                  .inputs = {"x", "index", "value"},
                  .attrs = {{"axis", AttrKind::axis, Attr{int64_t{0}}},
                            {"mode", AttrKind::integer, Attr{int64_t{0}}, "a PutMode"},
                            {"checked", AttrKind::boolean, Attr{false}, "the indices are known to have places"}},
                  .traits = Trait::internal | Trait::mixed,
                  .infer = index_update_type,
                  .lower = Structure::index_update,
                  .checks = IndexCheck{1, 0},
                  .grad = index_update_grad,
                  .onnx = "rule: ScatterND",
                  .doc = "Return x with what `take` would return at these indices, known when it runs, replaced by or "
                         "combined with values, converted to x's dtype, in the order of the indices."});
  return rows;
}

}  // namespace tandem
