#include "passes/pipeline.h"

#include <chrono>
#include <cstdlib>

#include "passes/checks.h"
#include "passes/components.h"
#include "passes/cse.h"
#include "passes/dce.h"
#include "passes/expand.h"
#include "passes/fold.h"
#include "passes/insets.h"
#include "passes/parts.h"
#include "passes/simplify.h"

namespace tandem {

namespace {

bool verify_wanted() {
#ifndef NDEBUG
  return true;
#else
  const char* wanted = std::getenv("TANDEM_VERIFY");
  return wanted != nullptr && std::string_view(wanted) == "1";
#endif
}

// A broken rule after a pass is that pass's fault: say which.
void verify_after(std::string_view pass, const Graph& graph) {
  try {
    verify(graph);
  } catch (const InternalError& error) {
    throw InternalError(fmt::format("{}\n  found after the pass '{}'", error.what(), pass));
  }
}

}  // namespace

const std::vector<GraphPass>& graph_passes() {
  static const std::vector<GraphPass> passes = {
      {"expand", expand},
      {"fold", fold},
      {"simplify", simplify},
      {"reassociate", reassociate, true},
      {"components", components},
      {"parts", parts},
      {"insets", insets},
      {"cse", cse},
      {"dce", dce},
      {"checks", checks},
  };
  return passes;
}

Graph optimize(const Graph& graph, const PassObserver& observer, Numerics numerics) {
  using Clock = std::chrono::steady_clock;
  const bool check = verify_wanted();
  if (check) verify_after("capture", graph);
  Graph now = graph;
  for (const GraphPass& pass : graph_passes()) {
    if (pass.fast_only && numerics != Numerics::fast) continue;
    const auto start = Clock::now();
    Graph next = pass.run(now);
    const std::chrono::duration<double> seconds = Clock::now() - start;
    if (check) verify_after(pass.name, next);
    if (observer) observer(pass.name, next, to_text(now) != to_text(next), seconds.count());
    now = std::move(next);
  }
  return now;
}

}  // namespace tandem
