// Gradients of loops: see passes/gradient.h.
#include <algorithm>
#include <array>

#include "passes/gradient_parts.h"
#include "passes/trips.h"

namespace tandem {

namespace {

// What reads `from` reads `to` instead.
void replace_uses(Graph& graph, ValueId from, ValueId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.results.begin(), graph.results.end(), from, to);
}

// Whether a number of iterations is at least one, whatever the sizes are: symbols are 2 or more. Looked at where all of
// them are small or large, since sizes are sums and products of them.
bool is_positive(Dim size) {
  constexpr int kMost = 6;
  constexpr int64_t kSmall = 2, kLarge = 1 << 20;
  const int count = size.symbol_count();
  if (count > kMost) return false;
  for (int corner = 0; corner < 1 << count; ++corner) {
    std::array<int64_t, kMost> symbols{};
    for (int k = 0; k < count; ++k) symbols[static_cast<size_t>(k)] = (corner >> k) & 1 ? kLarge : kSmall;
    if (size.evaluate(symbols.data()) <= 0) return false;
  }
  return true;
}

// Whether a region reads rows of one of its params, and nothing else of it.
bool read_by_rows(const Graph& region, ValueId param) {
  if (std::find(region.results.begin(), region.results.end(), param) != region.results.end()) return false;
  bool any = false;
  for (const Node& node : region.nodes)
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] != param) continue;
      const bool row_of = node.op->name == "take" && k == 0 && region.type(node.inputs[1]).shape.empty();
      if (!row_of && node.op->name != "check_index") return false;
      any = any || row_of;
    }
  return any;
}

}  // namespace

// A loop and what is known of the gradients of what it carries. A gradient that none reaches at first may get one in an
// iteration and hand it on, and one that does may lose it: the loop that goes back is made once with the least, and once
// more where it turns out that there is more.
struct Reverse::Backwards {
  enum class Given : uint8_t { never, always, unsure };
  Node loop;
  std::shared_ptr<const Graph> body;
  Trips trips;
  Saved saved;
  std::vector<size_t> carried, captured;  // that gradients flow through
  std::vector<Given> given;               // by place in `carried`
  bool runs = false;                      // at least once
};

void Reverse::through_while(size_t i) {
  Backwards back{graph_.nodes[i], graph_.nodes[i].regions[1], trips_of(graph_, graph_.nodes[i]), {}, {}, {}, {}};
  back.runs = back.trips.exact && is_positive(*back.trips.most);
  back.saved = save_iterations(graph_, env_, i, back.trips.most);
  const size_t n = back.loop.outputs.size();
  for (size_t k = 0; k < n; ++k)
    if (leads(back.loop.outputs[k])) back.carried.push_back(k);
  for (size_t k = n; k < back.loop.inputs.size(); ++k)
    if (leads(back.loop.inputs[k])) back.captured.push_back(k);
  for (const size_t k : back.carried) {
    const ValueId output = back.loop.outputs[k];
    using Given = Backwards::Given;
    back.given.push_back(complete(output) < 0 ? Given::never : this->given(output) < 0 ? Given::always : Given::unsure);
  }
  while (!go_back(back)) {}
}

// Returns false, and knows more, where what was known of the gradients does not hold for every iteration.
bool Reverse::go_back(Backwards& state) {
  using Given = Backwards::Given;
  const Node& loop = state.loop;
  const Trips& trips = state.trips;
  const Saved& saved = state.saved;
  const std::shared_ptr<const Graph>& body = state.body;
  const std::vector<size_t>& captured = state.captured;
  const size_t n = loop.outputs.size(), all = loop.inputs.size();
  std::vector<size_t> carried;  // that have gradients
  std::vector<bool> unsure;
  for (size_t k = 0; k < state.carried.size(); ++k) {
    if (state.given[k] == Given::never) continue;
    carried.push_back(state.carried[k]);
    unsure.push_back(state.given[k] == Given::unsure);
  }

  // index, gradients of what is carried, gradients of what is captured, whether these are given | count, stride, stacks,
  // captured, known
  Graph back;
  back.name = "body";
  GraphBuilder in_back(back, env_);
  std::vector<ValueId> inputs;
  std::vector<TensorType> types;
  const auto pass = [&](ValueId value, std::string name) {
    inputs.push_back(value);
    return back.add_param(graph_.type(value), std::move(name));
  };
  const ValueId index = pass(whole(builder_, 0).id, "index");
  std::vector<ValueId> of_carried, of_captured;
  for (const size_t k : carried) {
    const ValueId known = gradient(loop.outputs[k]);
    of_carried.push_back(
        pass(known >= 0 ? known : nothing(builder_, graph_.type(loop.outputs[k])).id, fmt::format("g{}", k)));
  }
  std::vector<bool> by_rows(all, false);
  std::vector<ValueId> seen;
  std::vector<bool> seeded(all, false);
  for (const size_t k : captured) {
    const ValueId value = loop.inputs[k];
    const bool first = std::find(seen.begin(), seen.end(), value) == seen.end();
    seen.push_back(value);
    const ValueId known = first ? gradient(value) : -1;
    by_rows[k] = read_by_rows(*body, body->params[k].value);
    seeded[k] = known >= 0;
    // Rows are added to zeros in eager code.
    Value start = known >= 0 ? at(known) : nothing(builder_, graph_.type(value));
    if (by_rows[k]) start = known >= 0 ? start + 0.0 : builder_.full(start.shape(), start.dtype(), 0);
    of_captured.push_back(pass(start.id, fmt::format("g{}", k)));
  }
  std::vector<ValueId> carried_given(carried.size(), -1), captured_given(captured.size(), -1);
  for (size_t k = 0; k < carried.size(); ++k) {
    if (!unsure[k]) continue;
    const ValueId output = loop.outputs[carried[k]], known = given(output);
    carried_given[k] = pass(known >= 0 ? known : truth(builder_, gradient(output) >= 0).id, "given");
  }
  for (size_t k = 0; k < captured.size(); ++k) {
    const ValueId known = seeded[captured[k]] ? given(loop.inputs[captured[k]]) : -1;
    if (seeded[captured[k]] && known < 0) continue;
    captured_given[k] = pass(known >= 0 ? known : truth(builder_, false).id, "given");
  }
  const size_t changing = inputs.size();
  const ValueId count = pass(saved.count, "count");
  const ValueId stride = saved.stride >= 0 ? pass(saved.stride, "stride") : -1;
  std::vector<ValueId> stacks, captures, states, firsts(n, -1), first_given(n, -1);
  for (size_t k = 0; k < n; ++k) stacks.push_back(pass(saved.stacks[k], fmt::format("saved{}", k)));
  for (size_t k = n; k < all; ++k) captures.push_back(pass(loop.inputs[k], fmt::format("c{}", k)));
  std::vector<ValueId> computed = saved.computed, kept;
  for (const ValueId stack : saved.computed_stacks) kept.push_back(pass(stack, "computed"));
  // What is carried is, in the first iteration, what was there before: there may be a gradient of it already.
  for (const size_t k : carried) {
    const ValueId value = loop.inputs[k];
    if (!leads(value) || std::find(seen.begin(), seen.end(), value) != seen.end()) continue;
    seen.push_back(value);
    if (gradient(value) < 0) continue;
    firsts[k] = pass(gradient(value), fmt::format("known{}", k));
    if (given(value) >= 0) first_given[k] = pass(given(value), "given");
  }

  const Value number = in_back.at(count) - whole(in_back, 1) - in_back.at(index);
  if (saved.stride < 0)
    for (const ValueId stack : stacks)
      states.push_back(in_back.emit("take", {in_back.at(stack), number}, {int64_t{0}}).id);
  else
    states = computed_again(back, in_back, *body, number, in_back.at(stride), stacks, captures);
  std::vector<ValueId> arguments = states;
  arguments.insert(arguments.end(), captures.begin(), captures.end());
  for (ValueId& stack : kept) stack = in_back.emit("take", {in_back.at(stack), number}, {int64_t{0}}).id;
  Reverse inner(back, env_, back.nodes.size());
  inner.keep_all();
  const std::vector<ValueId> results = append(back, *body, arguments, computed);
  for (const size_t k : state.carried) inner.aim(states[k]);
  for (const size_t k : captured) inner.aim(arguments[k]);
  inner.spread();
  for (size_t k = 0; k < captured.size(); ++k) {
    inner.add(arguments[captured[k]], of_captured[k], captured_given[k]);
    if (by_rows[captured[k]]) inner.gather_rows(arguments[captured[k]]);
  }
  const Value is_first = binary("equal", number, whole(in_back, 0));
  for (const size_t k : carried)
    if (firsts[k] >= 0) {
      const Value known = in_back.at(firsts[k]);
      const Value here = first_given[k] < 0 ? is_first : binary("logical_and", is_first, in_back.at(first_given[k]));
      inner.add(states[k], where(is_first, known, in_back.scalar(known.dtype(), kNothing)).id, here.id);
    }
  for (size_t k = 0; k < carried.size(); ++k) inner.add(results[carried[k]], of_carried[k], carried_given[k]);
  inner.run();

  bool holds = true;
  for (size_t k = 0; k < state.carried.size(); ++k) {
    const ValueId found = inner.gradient(states[state.carried[k]]);
    const bool always = found >= 0 && inner.given(states[state.carried[k]]) < 0;
    if (state.given[k] == Given::unsure || (state.given[k] == Given::never ? found < 0 : always)) continue;
    state.given[k] = Given::unsure;
    holds = false;
  }
  if (!holds) return false;

  const auto is_given = [&](ValueId value) {
    const ValueId found = inner.given(value);
    return found >= 0 ? found : truth(in_back, inner.gradient(value) >= 0).id;
  };
  back.results = {(in_back.at(index) + whole(in_back, 1)).id};
  for (const size_t k : carried) {
    const ValueId found = inner.gradient(states[k]);
    back.results.push_back(found >= 0 ? found : nothing(in_back, back.type(states[k])).id);
  }
  for (const size_t k : captured) back.results.push_back(inner.gradient(arguments[k]));
  for (size_t k = 0; k < carried.size(); ++k)
    if (unsure[k]) back.results.push_back(is_given(states[carried[k]]));
  for (size_t k = 0; k < captured.size(); ++k)
    if (captured_given[k] >= 0) back.results.push_back(is_given(arguments[captured[k]]));
  for (size_t k = 0; k < kept.size(); ++k) replace_uses(back, computed[k], kept[k]);

  Graph condition;
  condition.name = "condition";
  for (size_t k = 0; k < inputs.size(); ++k) condition.add_param(graph_.type(inputs[k]), back.params[k].name);
  GraphBuilder in_condition(condition, env_);
  const Value at_index = in_condition.at(condition.params[0].value);
  Value goes_on = trips.exact ? binary("less", at_index, size_value(in_condition, *trips.most))
                              : binary("less", at_index, in_condition.at(condition.params[changing].value));
  if (trips.most && !trips.exact)
    goes_on = binary("bitwise_and", binary("less", at_index, size_value(in_condition, *trips.most)), goes_on);
  condition.results = {goes_on.id};
  types.reserve(changing);
  for (size_t k = 0; k < changing; ++k) types.push_back(graph_.type(inputs[k]));
  // With an iteration, what is certain in each is certain.
  const auto is_certain = [&](ValueId value) { return state.runs && inner.given(value) < 0; };
  std::vector<bool> carried_certain, captured_certain, captured_none;
  for (size_t k = 0; k < carried.size(); ++k)
    carried_certain.push_back(!unsure[k] ||
                              (is_certain(states[carried[k]]) && inner.gradient(states[carried[k]]) >= 0));
  for (size_t k = 0; k < captured.size(); ++k) {
    captured_certain.push_back(captured_given[k] < 0 || is_certain(arguments[captured[k]]));
    captured_none.push_back(captured_given[k] >= 0 && inner.given(arguments[captured[k]]) == captured_given[k]);
  }
  Node& made = graph_.add_node(*loop.op, inputs, {}, types, loop.loc);
  made.regions = {std::make_shared<Graph>(std::move(condition)), std::make_shared<Graph>(std::move(back))};
  const std::vector<ValueId> outputs = made.outputs;

  size_t next = 1, next_given = 1 + carried.size() + captured.size();
  std::vector<std::array<ValueId, 3>> rest;
  const Value ran = binary("greater", at(saved.count), whole(builder_, 0));
  for (size_t k = 0; k < carried.size(); ++k, ++next) {
    const ValueId value = loop.inputs[carried[k]], first = firsts[carried[k]];
    const ValueId now = unsure[k] ? outputs[next_given++] : -1;
    if (!leads(value)) continue;
    if (first < 0) {
      rest.push_back({value, outputs[next], carried_certain[k] ? -1 : now});
      continue;
    }
    const Value never = at(gradient(value)) + at(inputs[1 + k]);
    gradients_[value] = state.runs ? outputs[next] : where(ran, at(outputs[next]), never).id;
    // Before the loop there was one for certain, or there may have been one.
    if (given(value) < 0 || carried_certain[k])
      given_.erase(value);
    else
      note_given(value, now);
  }
  for (size_t k = 0; k < captured.size(); ++k) {
    const ValueId value = loop.inputs[captured[k]], found = outputs[next++];
    const ValueId now = captured_given[k] >= 0 ? outputs[next_given++] : -1;
    if (captured_none[k]) continue;
    const ValueId sure = captured_certain[k] ? -1 : now;
    if (!seeded[captured[k]]) {
      // The zeros that rows are added to are no gradient.
      rest.push_back({value, by_rows[captured[k]] ? only_where(builder_, sure, at(found)).id : found, sure});
      continue;
    }
    gradients_[value] = found;
    if (sure < 0)
      given_.erase(value);
    else
      given_[value] = sure;
  }
  for (const auto& [value, found, sure] : rest) add(value, found, sure);
  return true;
}

}  // namespace tandem
