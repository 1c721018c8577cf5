#include "codegen/plan.h"

#include <algorithm>

#include "codegen/plan_block.h"
#include "codegen/steps.h"
#include "passes/layout.h"

namespace tandem {

Plan build_plan(const Graph& graph, std::span<const int64_t> hints, Backend& backend,
                const std::vector<std::pair<int, int>>& writebacks, std::vector<HostFunction> host,
                const PlanOptions& options, std::stop_token stop) {
  ProgramBuilder builder(hints, backend, options, std::move(stop));
  builder.plan.graph = std::make_shared<Graph>(normalize_layout(graph));
  const Graph& normal = *builder.plan.graph;
  Program& program = *builder.program;
  program.name = graph.name;
  program.device = options.device;
  const bool has_token = std::any_of(host.begin(), host.end(), [](const HostFunction& f) { return f.call != nullptr; });
  const size_t hidden = writebacks.size() + (has_token ? 1 : 0);
  program.host = std::move(host);
  program.input_count = static_cast<int>(normal.params.size());
  program.writes_inputs = !writebacks.empty();
  std::vector<Place> params;
  for (const Param& param : normal.params) {
    const TensorType& type = normal.type(param.value);
    params.push_back({builder.new_slot(type.dtype, type.shape), layout_of_param(normal, param.value)});
  }
  builder.inputs = params;
  std::vector<Place> results;
  BlockBuilder block(builder, normal, params);
  std::vector<bool> made_there(writebacks.size(), false);
  if (options.apart && program.host.empty())
    for (size_t k = 0; k < writebacks.size(); ++k) {
      const Param& param = normal.params[static_cast<size_t>(writebacks[k].second)];
      made_there[k] =
          !param.contiguous && block.make_in(normal.results[static_cast<size_t>(writebacks[k].first)], param.value);
    }
  program.body = block.run(results);
  const std::vector<int> producers = normal.producers();
  // What is written back may be another input as it was: everything is read before anything is written.
  std::vector<Step> copies;
  const Renames renames = renames_in(program.body);
  for (size_t k = 0; k < writebacks.size(); ++k) {
    if (made_there[k]) continue;
    const auto& [result, input] = writebacks[k];
    const auto r = static_cast<size_t>(result), i = static_cast<size_t>(input);
    const TensorType& type = normal.type(normal.results[r]);
    Place from = results[r];
    const int made_by = producers[static_cast<size_t>(normal.results[r])];
    const OriginRef origin =
        BlockBuilder::origin("copy", made_by < 0 ? SourceLoc{} : normal.nodes[static_cast<size_t>(made_by)].loc);
    const Slots memory = may_be(renames, from.slot);
    const bool is_other = std::any_of(writebacks.begin(), writebacks.end(), [&](const auto& other) {
      return other.second != input && memory.contains(other.second);
    });
    if (is_other) {
      const Place held{builder.new_slot(type.dtype, type.shape), {0, contiguous_strides(type.shape)}};
      program.body.push_back({Allocate{held.slot, builder.dim(element_count(type.shape)), -1}});
      program.body.push_back({Copy{builder.view(from, type.shape), builder.view(held, type.shape), origin}});
      from = held;
    }
    copies.push_back({Copy{builder.view(from, type.shape), builder.view(params[i], type.shape), origin}});
  }
  for (Step& copy : copies) program.body.push_back(std::move(copy));
  for (size_t i = 0; i + hidden < results.size(); ++i)
    program.outputs.push_back(builder.view(results[i], normal.type(normal.results[i]).shape));
  for (const auto& [result, input] : writebacks) program.written.push_back(input);
  write_in_place(program, static_cast<int>(copies.size()), builder.shareable);
  const auto hint = [&](DimRef size) { return builder.hint(program.dims[static_cast<size_t>(size)]); };
  const auto elements = [&](int slot) {
    int64_t count = 1;
    for (const DimRef extent : program.slots[static_cast<size_t>(slot)].shape) count *= hint(extent);
    return count;
  };
  join_rows(program, builder.plan, builder.shareable, hint);
  join_epilogues(program, builder.plan, builder.rows_of, builder.shareable, elements);
  mark_staying(program.body, builder.plan.kernels);
  plan_lifetimes(program, builder.shareable);
  if (builder.on_cpu()) tile_loops(program, builder.plan.kernels, [&](const Dim& size) { return builder.dim(size); });
  builder.compile();
  verify(program);
  builder.plan.program = builder.program;
  return std::move(builder.plan);
}

}  // namespace tandem
