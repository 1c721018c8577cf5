// Graph -> Program: fusion, lowering and compilation of every group, library calls, control flow, buffers and their
// lifetimes. Test: tests/passes/test_plan.cpp.
#pragma once
#include <deque>
#include <functional>
#include <stop_token>

#include "codegen/backend.h"
#include "passes/lower.h"
#include "passes/pipeline.h"
#include "runtime/program.h"

namespace tandem {

// What was fused: nodes of one graph, and the kernels that compute them.
struct KernelGroup {
  const Graph* graph;  // Plan::graph, a region in it, or one of Plan::portions
  std::vector<int> nodes;
  int first_kernel;
  int kernel_count;
};

// A node that a library computes, and what its step is called in profiles.
struct LibraryNode {
  const Graph* graph;
  int node;
  OriginRef origin;
};

struct PlanOptions {
  Numerics numerics = Numerics::strict;
  bool disk_cache = true;  // kernels are looked for there, and kept
  bool apart = false;      // no element of an input that is written back to is there under two indices
  Device device = {};      // where the program is to run
};

struct Plan {
  std::shared_ptr<Program> program;
  std::vector<Kernel> kernels;         // in the order of program->kernels
  std::shared_ptr<const Graph> graph;  // what was planned: `graph` of build_plan after `normalize_layout`
  std::deque<Graph> portions;          // of loops that kernels run: what one launch does, as a graph of the loop alone
  std::vector<KernelGroup> groups;     // in the order in which their kernels run
  std::vector<LibraryNode> libraries;
  double compile_seconds = 0;
};

// `graph` must be optimised (passes/pipeline.h). `hints`: values of its symbols in the present call, which may steer
// how things are computed but never what is computed.
// `writebacks`: results that are copied into an input at the end instead of being returned; they are the last results.
// `host`: what `host_call` nodes call. With any call, the result before the writebacks is their last token.
// `stop`: ends the work, between two kernels, by throwing Stopped.
// Kernels are compiled at the end, side by side on the threads of the pool where there are several.
struct Stopped {};
Plan build_plan(const Graph& graph, std::span<const int64_t> hints, Backend& backend,
                const std::vector<std::pair<int, int>>& writebacks = {}, std::vector<HostFunction> host = {},
                const PlanOptions& options = {}, std::stop_token stop = {});

// Lifetimes (codegen/lifetime.cpp): releases every buffer after its last use, and lets the output of a kernel take over
// an input that dies in it where each element is read before it is written, or is not written.
struct SharePair {
  int kernel;  // index into Program::kernels
  int output;  // argument numbers of the launch
  int input;
};
// Whether the launch reads of `from` nothing but the very element of `to` that it is about to write, and what it does not
// write.
bool reads_in_place(const Launch& launch, int to, int from, std::span<const SharePair> shareable);
void plan_lifetimes(Program& program, const std::vector<SharePair>& shareable);
// After that (codegen/tiling.cpp): loops learn which of their rounds may be done together. `dim`: the number of a size in the
// program's table.
void tile_loops(Program& program, std::span<Kernel> kernels, const std::function<DimRef(const Dim&)>& dim);
// Before that (codegen/products.cpp): a launch that a product can run on its blocks becomes a part of the product's step.
// `rows_of`: by number of the kernel. `elements`: of a slot, roughly. The plan's library nodes get the names of the new
// steps.  Not where an operand of the product that dies with it would be there beside a result, which takes more memory.
void join_epilogues(Program& program, Plan& plan, std::span<const std::vector<RowsOf>> rows_of,
                    std::span<const SharePair> shareable, const std::function<int64_t(int)>& elements);
// And before that (codegen/rows.cpp): products and launches that share rows, as in attention, become one step that keeps
// some of them. `hint`: of a size.
void join_rows(Program& program, Plan& plan, std::span<const SharePair> shareable,
               const std::function<int64_t(DimRef)>& hint);
// And products in loops learn which right-hand matrices stay as they are.
void mark_staying(Block& block, std::span<const Kernel> kernels);
// And before that (codegen/inplace.cpp): buffers that the last `writebacks` steps, all copies, write back to inputs become
// the inputs' own memory where nobody can tell.
void write_in_place(Program& program, int writebacks, const std::vector<SharePair>& shareable);

}  // namespace tandem
