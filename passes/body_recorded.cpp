// Loops that record what they compute: all rounds in one kernel.
#include <algorithm>
#include <map>

#include "passes/body_region.h"
#include "passes/part_updates.h"
#include "passes/recorded.h"

namespace tandem {

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
  // Of writes whose last values are read later: each of them, one round old, two, and so on.
  std::map<size_t, std::vector<Complex>> last;
  std::vector<std::pair<size_t, int>>
      carried;  // the same in the order of results: which write, and how old before this round ends
  for (const Recorded::Read& read : recorded.reads) {
    if (read.of != earlier || !writes) continue;
    const Recorded::Write& write = recorded.writes[read.write];
    const DType dtype = body.type(read.value).dtype;
    std::vector<Complex>& known = last[read.write];
    while (static_cast<int64_t>(known.size()) < read.ago) {
      const Dim before = Dim(static_cast<int64_t>(known.size()) + 1) * write.at.coefficients[0];
      const Dim first = write.at.offset - before, size = body.type(write.part).shape[write.axis];
      const bool from_end = first.is_constant() && first.constant() < 0;
      const Linear at{from_end ? size + first : first, std::vector<Dim>(g_.axes.size(), Dim(0))};
      const Complex init = load(written(write, at), dtype);
      known.push_back(chosen(round == round.constant(0), init, result(results, dtype)));
      carried.emplace_back(read.write, static_cast<int>(known.size()) - 1);
      results += is_complex(dtype) ? 2 : 1;
    }
  }
  for (const Recorded::Read& read : recorded.reads) {
    if (read.of == this_round || !writes) continue;
    const Recorded::Write& write = recorded.writes[read.write];
    const Complex x = read.of == old ? load(place_in(write), body.type(read.value).dtype)
                                     : last.at(read.write)[static_cast<size_t>(read.ago) - 1];
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
  for (const auto& [write, rounds_ago] : carried)
    carry(rounds_ago == 0 ? values[write] : last.at(write)[static_cast<size_t>(rounds_ago) - 1]);
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

}  // namespace tandem
