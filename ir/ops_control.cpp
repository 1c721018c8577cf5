// Control flow: operations that hold sub-graphs. See ir/graph.h for their form.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

TensorType no_single_type(InferContext& c) {
  throw InternalError(fmt::format("{} takes its types from its regions", c.op.name));
}

TensorType token_type(InferContext&) { return {DType::boolean, {}, {}}; }

TensorType first_type(InferContext& c) { return c.inputs[0]; }

constexpr NoGrad kThroughRegions{"its gradient is taken through its sub-graphs, which is not built yet"};

}  // namespace

std::vector<OpDef> control_ops() {
  return with(
      {.inputs = {"operands"},
       .traits = Trait::variadic | Trait::mixed | Trait::internal,
       .infer = no_single_type,
       .grad = kThroughRegions},
      {{.name = "if", .lower = Structure::control, .onnx = "If", .doc = "Run one of two sub-graphs, chosen by a bool."},
       {.name = "while",
        .lower = Structure::control,
        .onnx = "Loop",
        .doc = "Run a sub-graph again and again while another one yields true."},
       {.name = "host_call",
        .attrs = {{"function", AttrKind::integer, std::nullopt, "its number in the capture"}},
        .infer = token_type,
        .lower = Structure::host_call,
        .grad = NoGrad{"it yields nothing but a token that orders it among other calls"},
        .onnx = "none: it calls back into the program that runs the graph",
        .doc = "Call a function of the host with tensors: printing, assertions. Takes the token of the call before it. "
               "The "
               "last operands are what a failure leaves behind: new contents of arguments, then of what is no tensor."},
       {.name = "check_index",
        .attrs = {{"size", AttrKind::dims, std::nullopt, "of the axis"},
                  {"axis", AttrKind::integer, std::nullopt, "for the message"},
                  {"ordered", AttrKind::boolean, Attr{false}, "a failure can be told from one that comes later"},
                  {"function", AttrKind::integer, Attr{int64_t{-1}}, "its number among host calls, if any"}},
        .infer = first_type,
        .lower = Structure::check_index,
        .grad = NoGrad{"indices have no gradient"},
        .onnx = "rule: Identity",
        .doc = "Return the first operand after checking that all of it lies in [-size, size). With a function, the "
               "other operands are as for host_call."},
       {.name = "failure_point",
        .attrs = {{"function", AttrKind::integer, std::nullopt, "its number among host calls"}},
        .infer = first_type,
        .lower = Structure::failure_point,
        .grad = [](const GradContext& c) -> std::vector<Value> {
          std::vector<Value> grads(c.inputs.size());
          grads[0] = c.upstream;
          return grads;
        },
        .onnx = "rule: Identity",
        .doc = "Return the first operand, of an operation that may fail. The other operands are as for host_call: what "
               "such a failure leaves behind."}});
}

}  // namespace tandem
