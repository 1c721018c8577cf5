// Selects whose first value is seldom wanted: what it alone needs stands in a block that is entered only if some lane
// asks for it. A body may then treat huge or special arguments with care at the cost of one comparison.
#include "codegen/llvm/emitter.h"

namespace tandem::llvm {

namespace {

bool computes(ScalarOp op) {
  return op != ScalarOp::constant && op != ScalarOp::index && op != ScalarOp::extent && op != ScalarOp::load &&
         op != ScalarOp::result && op != ScalarOp::carry;
}

}  // namespace

bool Emitter::branches(size_t node) const {
  return is_rare(s_.stage->body[node]) && s_.varying[node] && s_.level[node] == s_.levels;
}

// A node is rare if it is used by the first value of such selects alone. What does not vary with the lanes is not in
// the vector loop anyway, and what is read from memory stays where masks and checks are made for it.
void Emitter::find_rare(const std::vector<int>& roots) {
  const std::vector<ScalarNode>& body = s_.stage->body;
  s_.rare.assign(body.size(), 1);
  for (const int root : roots) s_.rare[static_cast<size_t>(root)] = 0;
  for (size_t n = body.size(); n-- > 0;) {
    const ScalarNode& node = body[n];
    if (!s_.used[n] || !computes(node.op) || !s_.varying[n] || s_.level[n] != s_.levels) s_.rare[n] = 0;
    if (s_.rare[n] || !s_.used[n]) continue;
    const auto use = [&](int id) {
      if (id >= 0) s_.rare[static_cast<size_t>(id)] = 0;
    };
    use(node.a);
    if (!branches(n)) use(node.b);
    use(node.c);
  }
}

// The rare nodes behind `node`, in order.
std::vector<int> Emitter::rare_nodes(int node) const {
  std::vector<char> wanted(static_cast<size_t>(node) + 1);
  wanted[static_cast<size_t>(node)] = s_.rare[static_cast<size_t>(node)];
  std::vector<int> found;
  for (int n = node; n >= 0; --n) {
    if (!wanted[static_cast<size_t>(n)]) continue;
    found.push_back(n);
    const ScalarNode& own = s_.stage->body[static_cast<size_t>(n)];
    for (const int id : {own.a, own.b, own.c})
      if (id >= 0) wanted[static_cast<size_t>(id)] |= s_.rare[static_cast<size_t>(id)];
  }
  return {found.rbegin(), found.rend()};
}

std::vector<Value> Emitter::emit_rare(const ScalarNode& node) {
  const int width = shape_.width;
  const std::string mask = vector_of("i1", width), type = type_of(node.dtype, width);
  std::vector<Value> conditions, common, values;
  Value any;
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    conditions.push_back(operand(node.a, chunk, true));
    common.push_back(operand(node.c, chunk, true));
    any = chunk == 0 ? conditions[0] : t_.def("or {} {}, {}", mask, any, conditions.back());
  }
  if (width > 1) any = t_.def("icmp ne i{0} {1}, 0", width, t_.def("bitcast {} {} to i{}", mask, any, width));
  const Value before = t_.block(), rare = t_.fresh("rare"), done = t_.fresh("both");
  t_.op("br i1 {}, label {}, label {}, !prof !1", any, rare, done);
  t_.begin_block(rare);
  // A node shared by several such selects is computed in the block of each: no block can use what another one made.
  for (const int n : rare_nodes(node.b)) s_.values[static_cast<size_t>(n)] = emit_node(n, false);
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    const auto c = static_cast<size_t>(chunk);
    values.push_back(
        t_.def("select {} {}, {} {}, {} {}", mask, conditions[c], type, operand(node.b, chunk, true), type, common[c]));
  }
  const Value from = t_.block();
  t_.jump(done);
  t_.begin_block(done);
  for (size_t c = 0; c < values.size(); ++c)
    values[c] = t_.def("phi {} [ {}, {} ], [ {}, {} ]", type, values[c], from, common[c], before);
  return values;
}

}  // namespace tandem::llvm
