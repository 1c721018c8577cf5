#include <algorithm>

#include "codegen/cuda/emitter.h"

namespace tandem::cuda {

// Where the place is checked: within a loop of the body in its rounds, though it may be known before.
bool Emitter::is_inside(int access, const Gather& gather) const {
  return s_.in_loop[static_cast<size_t>(access)] || s_.inner[static_cast<size_t>(gather.value)] != 0;
}

bool Emitter::gathers_inside(int access) const {
  const std::vector<Gather>& gathers = access_of(access).gathers;
  return std::any_of(gathers.begin(), gathers.end(), [&](const Gather& g) { return is_inside(access, g); });
}

bool Emitter::is_inner_access(int number) const {
  if (is_scratch(number) || gathers_inside(number)) return true;
  const Access& access = access_of(number);
  for (size_t axis = 0; axis < access.strides.size(); ++axis)
    if (on_inner_axis(axis) && !access.strides[axis].is(0)) return true;
  return false;
}

namespace {

// Its part of an offset, checked even where it moves nothing.
std::string gathered(const Gather& g, int access, const std::string& extent, const std::string& stride, bool loops) {
  const std::string value = fmt::format("gathered{}(v{}, {}, {}, status{})", loops ? "_in_loops" : "", g.value, extent,
                                        access + 1, loops ? ", failed" : "");
  return g.stride.is(1) ? value : fmt::format("{} * {}", value, stride);
}

}  // namespace

// Emitted where the access is first needed outside of the loop, after what its gathers use.
const std::string& Emitter::pointer(int number) {
  std::string& name = s_.pointer[static_cast<size_t>(number)];
  if (!name.empty()) return name;
  const Access& access = access_of(number);
  if (is_scratch(number)) return name = fmt::format("q{}", access.buffer);
  std::string offset = coef(access.offset);
  for (size_t axis = 0; axis < access.strides.size(); ++axis)
    if (!on_inner_axis(axis)) offset = plus(offset, times(coef(access.strides[axis]), fmt::format("i{}", axis)));
  for (const Gather& g : access.gathers)
    if (!is_inside(number, g)) offset = plus(offset, gathered(g, number, coef(g.extent), coef(g.stride), s_.may_fail));
  name = fmt::format("p{}", number);
  t_.line("{}* const p{} = b{} + ({});", memory_type(dtype_of(number)), number, access.buffer, offset);
  return name;
}

std::string Emitter::place(int number) {
  const std::string& base = pointer(number);
  if (is_scratch(number)) return fmt::format("{}[{}]", base, position_);
  const Access& access = access_of(number);
  std::string offset = "0";
  for (size_t axis = 0; axis < access.strides.size(); ++axis)
    if (on_inner_axis(axis)) offset = plus(offset, times(coef(access.strides[axis]), fmt::format("i{}", axis)));
  for (const Gather& g : access.gathers)
    if (is_inside(number, g)) offset = plus(offset, gathered(g, number, coef(g.extent), coef(g.stride), s_.may_fail));
  return fmt::format("{}[{}]", base, offset);
}

std::string Emitter::load(int number) {
  std::string value;
  switch (s_.reach[static_cast<size_t>(number)]) {
    case Reach::element: value = place(number); break;
    case Reach::pack: value = fmt::format("l{}.at[e]", number); break;
    case Reach::ahead: value = fmt::format("l{}[u]", number); break;
    case Reach::tile: value = fmt::format("t{}[across * pitch + along]", number); break;
  }
  return dtype_of(number) == DType::boolean ? value + " != 0" : value;
}

void Emitter::stores() {
  for (const Store& store : s_.stage->stores) {
    const bool packed = s_.reach[static_cast<size_t>(store.access)] == Reach::pack;
    t_.line("{} = {};", packed ? fmt::format("o{}.at[e]", store.access) : place(store.access), operand(store.value));
  }
}

std::vector<int> Emitter::loads_ahead() const {
  std::vector<int> found;
  for (size_t n = 0; n < s_.used.size(); ++n) {
    const ScalarNode& node = s_.stage->body[n];
    const auto access = static_cast<int>(node.imm);
    if (s_.used[n] && s_.inner[n] && node.op == ScalarOp::load && !gathers_inside(access)) found.push_back(access);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace tandem::cuda
