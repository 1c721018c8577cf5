// Loops that the kernel runs by itself.
#include <algorithm>

#include "passes/body.h"
#include "passes/part_updates.h"
#include "passes/recorded.h"
#include "passes/rounds.h"

namespace tandem {

namespace {

// For what one launch costs, when nobody knows how many rounds there will be.
constexpr int kLikelyRounds = 16;

}  // namespace

// A loop that is being written. Loops are numbered in the order in which they begin.
class BodyBuilder::OpenLoop {
 public:
  OpenLoop(BodyBuilder& body, int rounds) : body_(body), number_(body.stage_.loops.size()) {
    loop_.first = static_cast<int>(body_.builder_.body().size());
    loop_.rounds = rounds;
    body_.stage_.loops.emplace_back();
  }
  Scalar carry(const Scalar& from) {
    loop_.init.push_back(from.id);
    return body_.builder_.carry(from.dtype, static_cast<int64_t>(number_));
  }
  Complex carry(const Complex& from) {
    Complex x = carry(from.re);
    if (from.has_imaginary()) x.im = carry(from.im);
    return x;
  }
  void begin() { behind_ = static_cast<int>(body_.builder_.body().size()); }
  void next(const Complex& x) {
    loop_.next.push_back(x.re.id);
    if (x.has_imaginary()) loop_.next.push_back(x.im.id);
  }
  void end(const Scalar& condition) {
    loop_.condition = condition.id;
    loop_.last = static_cast<int>(body_.builder_.body().size());
    body_.builder_.forget(behind_);  // what is behind the loop sees its carries only
    body_.stage_.loops[number_] = std::move(loop_);
  }

 private:
  BodyBuilder& body_;
  size_t number_;
  ScalarLoop loop_{0, 0, 0, {}, {}};
  int behind_ = 0;
};

// A region of a loop or a branch, whose parameters have values.
struct BodyBuilder::Region {
  const Graph& graph;
  const Node& node;      // that has it
  const Region* around;  // in which region the node stands; null: in none
  const std::vector<std::pair<ParamRead, Complex>>& params;
  std::vector<int> producers = graph.producers();
  std::unordered_multimap<ValueId, std::pair<IndexMap, Complex>> known = {};

  // Of a tensor that is read by address: a param, or a view of one.
  Place place(ValueId value, const LowerContext& outside) const {
    const int made_by = producers[static_cast<size_t>(value)];
    if (made_by < 0) {
      size_t param = 0;
      while (graph.params[param].value != value) ++param;
      const ValueId from = node.inputs[first_param(node) + param];
      return around ? around->place(from, outside) : outside.place(from);
    }
    const Node& view = graph.nodes[static_cast<size_t>(made_by)];
    const Place from = place(view.inputs[0], outside);
    auto layout = std::get<ViewRule>(view.op->lower)(graph.type(view.inputs[0]), from.layout, *view.op, view.attrs,
                                                     graph.type(value));
    check_internal(layout.has_value(), "a loop in a kernel reads from a view that is none");
    return {from.slot, std::move(*layout)};
  }
};

Complex BodyBuilder::evaluate_in(Region& region, ValueId value, const IndexMap& map) {
  const auto [first, last] = region.known.equal_range(value);
  for (auto it = first; it != last; ++it)
    if (it->second.first == map) return it->second.second;
  const Complex x = compute_in(region, value, map);
  region.known.emplace(value, std::pair(map, x));
  return x;
}

Complex BodyBuilder::compute_in(Region& region, ValueId value, const IndexMap& map) {
  const int made_by = region.producers[static_cast<size_t>(value)];
  if (made_by < 0) {
    const auto param = std::find_if(region.params.begin(), region.params.end(), [&](const auto& entry) {
      return region.graph.params[entry.first.param].value == value && entry.first.map == map;
    });
    check_internal(param != region.params.end(), "a loop in a kernel reads a parameter in another way than expected");
    return param->second;
  }
  const Node& node = region.graph.nodes[static_cast<size_t>(made_by)];
  note_source(node);
  if (is_view(*node.op))
    return evaluate_in(region, node.inputs[0], *input_map(region.graph, node, 0, map, {}, g_.axes.size()));
  if (is_source(*node.op)) return source(region.graph, node, map);
  const Evaluate evaluate = [&](ValueId input, const IndexMap& at) { return evaluate_in(region, input, at); };
  if (is_take(*node.op)) return take(region.graph, node, map, evaluate, region.place(node.inputs[0], c_));
  if (node.regions.empty()) return pointwise(region.graph, node, map, evaluate);
  const Shape& shape = region.graph.type(value).shape;
  const std::vector<bool> wanted = together(region.graph, node, shape);
  std::map<ValueId, Complex> made =
      node.op->name == "if" ? branch(region, node, wanted, map) : rounds(&region, node, wanted, shape, map, false);
  const Complex out = made.at(value);
  for (const auto& [other, x] : made)
    if (other != value) region.known.emplace(other, std::pair(map_of(region.graph, other, map), x));
  return out;
}

// What is wanted of what the loop carries, of a shape or none, as it is at the end or after a portion of its rounds.
std::map<ValueId, Complex> BodyBuilder::rounds(Region* around, const Node& node, const std::vector<bool>& wanted,
                                               const Shape& shape, const IndexMap& map, bool in_portions) {
  const Graph& graph = around ? around->graph : c_.graph;
  const Graph &condition = *node.regions[0], &body = *node.regions[1];
  const size_t carried = node.outputs.size();
  const auto found = rounds_of(graph, node, wanted, shape, map, g_.axes.size());
  check_internal(found.has_value(), "a loop in a kernel is none that runs there");
  const auto at = [&](size_t k) { return map_of(graph, node.outputs[k], map); };
  const auto outside = [&](ValueId value, const IndexMap& map) {
    return around ? evaluate_in(*around, value, map) : evaluate(value, map);
  };

  // What does not change comes before the loop.
  std::vector<std::pair<ParamRead, Complex>> params;
  for (const ParamRead& read : found->reads.params)
    params.emplace_back(read, outside(node.inputs[read.param], read.map));
  std::vector<Complex> init;
  for (size_t k = 0; k < carried; ++k)
    if (found->needed[k]) init.push_back(outside(node.inputs[k], at(k)));
  std::optional<Scalar> none;
  if (in_portions) none = builder_.constant_bits(DType::i64, 0);

  OpenLoop loop(*this, kLikelyRounds);
  std::map<ValueId, Complex> out;
  size_t next_init = 0;
  for (size_t k = 0; k < carried; ++k) {
    if (!found->needed[k]) continue;
    const Complex x = loop.carry(init[next_init++]);
    out.emplace(node.outputs[k], x);
    params.emplace_back(ParamRead{k, at(k)}, x);
  }
  std::optional<Scalar> count;
  if (in_portions) count = loop.carry(*none);
  loop.begin();

  Region test{condition, node, around, params}, step{body, node, around, params};
  Scalar more = found->mask ? out.at(node.outputs[*found->mask]).re : evaluate_in(test, condition.results[0], {}).re;
  if (count) more = more & (*count < builder_.constant_bits(DType::i64, portion_of(graph, node)));
  for (size_t k = 0; k < carried; ++k) {
    if (!found->needed[k]) continue;
    loop.next(evaluate_in(step, found->mask && k != *found->mask ? next_of(node, k) : body.results[k], at(k)));
  }
  if (count) loop.next(*count + builder_.constant_bits(DType::i64, 1));
  loop.end(more);
  return out;
}

// What is carried are scans over the rounds, which number the first axis: nothing of it is stored but what a round writes.
void BodyBuilder::record(int n) {
  const Node& node = c_.graph.nodes[static_cast<size_t>(n)];
  const Graph& body = *node.regions[1];
  const Recorded recorded = *recorded_of(c_.graph, node);
  const Shape shape(g_.axes.begin() + 1, g_.axes.end());
  std::vector<bool> wanted;
  for (const ValueId value : node.outputs) wanted.push_back(std::ranges::find(g_.outputs, value) != g_.outputs.end());
  const auto found = recorded_rounds(c_.graph, node, recorded, wanted, shape);
  check_internal(found.has_value(), "a loop that records is none that runs in a kernel");
  const IndexMap map = recorded_map(shape);
  const auto at = [&](size_t k) { return map_of(c_.graph, node.outputs[k], map); };
  Linear rounds{0, std::vector<Dim>(g_.axes.size(), Dim(0))};
  rounds.coefficients[0] = 1;

  begin_stage(true);
  const Scalar round = linear(rounds);
  std::vector<std::pair<ParamRead, Complex>> params;
  for (const ParamRead& read : found->reads.params)
    params.emplace_back(read, evaluate(node.inputs[read.param], read.map));
  params.emplace_back(ParamRead{recorded.counter, {}}, round);
  std::vector<size_t> states;
  std::vector<int> first_result(node.outputs.size());
  const auto result = [&](int number, DType dtype) -> Complex {
    const auto part = [&](int which) {
      return builder_.emit(ScalarOp::result, real_type(dtype), -1, -1, -1, number + which);
    };
    if (!is_complex(dtype)) return part(0);
    const Scalar re = part(0);
    return {re, part(1)};
  };
  const auto chosen = [&](const Scalar& condition, const Complex& a, const Complex& b) {
    return a.has_imaginary() ? select(condition, a, b) : Complex(select(condition, a.re, b.re));
  };
  int results = results_;
  for (size_t k = 0; k < node.outputs.size(); ++k) {
    if (!found->needed[k] || k == recorded.counter) continue;
    states.push_back(k);
    first_result[k] = results;
    const Complex init = evaluate(node.inputs[k], at(k));
    results += init.has_imaginary() ? 2 : 1;
    const Complex now =
        chosen(round == round.constant(0), init, result(first_result[k], c_.graph.type(node.outputs[k]).dtype));
    params.emplace_back(ParamRead{k, at(k)}, now);
  }
  Region step{body, node, nullptr, params};
  // Of the array that write `k` writes to: the place `offset` rounds before or after.
  const auto written = [&](const Recorded::Write& write, const Linear& at) {
    const Place whole = c_.place(node.outputs[write.array]);
    IndexMap place = map;
    place.insert(place.begin() + static_cast<ptrdiff_t>(write.axis), at);
    const auto layout = layout_in(body, step.producers, write.part, write.version, whole.layout);
    return address({whole.slot, *layout}, body.type(write.value).dtype, place);
  };
  const auto place_in = [&](const Recorded::Write& write) {
    Linear at = rounds;
    at.offset = write.at.offset;
    at.coefficients[0] = write.at.coefficients[0];
    return written(write, at);
  };
  using enum Recorded::Read::Of;
  const bool writes = shape == recorded.shape;
  std::vector<std::pair<size_t, int>> before;  // writes whose last value is carried, and the number of its result
  const auto last_of = [&](size_t write, DType dtype) {
    auto known = std::ranges::find(before, write, &std::pair<size_t, int>::first);
    if (known != before.end()) return known->second;
    before.emplace_back(write, results);
    results += is_complex(dtype) ? 2 : 1;
    return before.back().second;
  };
  for (const Recorded::Read& read : recorded.reads) {
    if (read.of == this_round || !writes) continue;
    const Recorded::Write& write = recorded.writes[read.write];
    const DType dtype = body.type(read.value).dtype;
    Complex x;
    if (read.of == old) {
      x = load(place_in(write), dtype);
    } else {
      const Dim first = write.at.offset - write.at.coefficients[0], size = body.type(write.part).shape[write.axis];
      const Linear at{first.is(-1) ? size + first : first, std::vector<Dim>(g_.axes.size(), Dim(0))};
      const Complex init = load(written(write, at), dtype);
      x = chosen(round == round.constant(0), init, result(last_of(read.write, dtype), dtype));
    }
    step.known.emplace(read.value, std::pair(map_of(body, read.value, map), x));
  }
  std::vector<Complex> values;
  for (size_t k = 0; k < recorded.writes.size() && writes; ++k) {
    const Recorded::Write& write = recorded.writes[k];
    const IndexMap place = map_of(body, write.value, map);
    values.push_back(evaluate_in(step, write.value, place));
    this->write(place_in(write), values.back());
    for (const Recorded::Read& read : recorded.reads)
      if (read.of == this_round && read.write == k) step.known.emplace(read.value, std::pair(place, values.back()));
  }
  const auto carry = [&](const Complex& next) {
    for (const Scalar& part : {next.re, next.im})
      if (part.id >= 0) stage_.scans.push_back({part.id, 0, part.dtype});
  };
  for (const size_t k : states) carry(evaluate_in(step, body.results[k], at(k)));
  for (const auto& [write, number] : before) carry(values[write]);
  results_ = results;
  nest_.is_scan = nest_.is_recorded = true;
  end_stage();

  begin_stage(false);
  const Scalar any = builder_.constant_bits(DType::i64, 0) < run_time_value(g_.axes[0]);
  for (const size_t k : states) {
    if (!wanted[k]) continue;
    const DType dtype = c_.graph.type(node.outputs[k]).dtype;
    const Complex last = chosen(any, result(first_result[k], dtype), evaluate(node.inputs[k], at(k)));
    write(address(c_.place(node.outputs[k]), dtype, at(k)), last);
  }
  end_stage();
}

// The wanted results of a branch: where both sides are light, what is chosen of both. Else each side that is not is a loop of
// one round at most, so that what it reads is read only if it is taken.
std::map<ValueId, Complex> BodyBuilder::branch(Region& around, const Node& node, const std::vector<bool>& wanted,
                                               const IndexMap& map) {
  const Graph& graph = around.graph;
  const Scalar taken = evaluate_in(around, node.inputs[0], {}).re;
  std::vector<std::pair<ParamRead, Complex>> params[2];
  for (size_t side = 0; side < 2; ++side) {
    const std::optional<Reads> reads = side_reads(node, side, wanted, map, g_.axes.size());
    check_internal(reads.has_value(), "a branch in a kernel is none that runs there");
    for (const ParamRead& read : reads->params)
      params[side].emplace_back(read, evaluate_in(around, node.inputs[1 + read.param], read.map));
  }
  const bool light[2] = {is_light(*node.regions[0]), is_light(*node.regions[1])};
  const auto values = [&](size_t side) {
    Region region{*node.regions[side], node, &around, params[side]};
    std::vector<Complex> out;
    for (size_t k = 0; k < wanted.size(); ++k)
      if (wanted[k]) out.push_back(evaluate_in(region, region.graph.results[k], map_of(graph, node.outputs[k], map)));
    return out;
  };
  std::vector<Complex> now;
  if (light[0] && light[1]) {
    now = values(0);
    const std::vector<Complex> other = values(1);
    for (size_t k = 0; k < now.size(); ++k)
      now[k] = now[k].has_imaginary() ? select(taken, now[k], other[k]) : select(taken, now[k].re, other[k].re);
  } else {
    if (light[0] || light[1]) {
      now = values(light[0] ? 0 : 1);
    } else {
      for (size_t k = 0; k < wanted.size(); ++k)
        if (wanted[k])
          now.push_back(Complex(builder_.constant_bits(DType::i64, 0)).cast(graph.type(node.outputs[k]).dtype));
    }
    for (size_t side = 0; side < 2; ++side) {
      if (light[side]) continue;
      const Scalar enters = side == 0 ? taken : ~taken, never = builder_.constant_bits(DType::boolean, 0);
      OpenLoop loop(*this, 1);
      const Scalar goes = loop.carry(enters);
      for (Complex& x : now) x = loop.carry(x);
      loop.begin();
      loop.next(never);
      for (const Complex& x : values(side)) loop.next(x);
      loop.end(goes);
    }
  }
  std::map<ValueId, Complex> out;
  size_t next = 0;
  for (size_t k = 0; k < wanted.size(); ++k)
    if (wanted[k]) out.emplace(node.outputs[k], now[next++]);
  return out;
}

}  // namespace tandem
