// A view is written s2+d3[d0, d1; d1, d4]: slot, offset, extents, strides. Sizes are written once, at the top.
#include "runtime/program.h"

namespace tandem {

namespace {

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

class Printer {
 public:
  explicit Printer(const Program& program) : program_(program) {}

  std::string text() {
    const std::string place = is_cpu(program_.device) ? "" : " on " + tandem::to_text(program_.device);
    line("program @{}({} inputs){} {{", program_.name, program_.input_count, place);
    ++depth_;
    for (size_t i = 0; i < program_.dims.size(); ++i) line("d{} = {}", i, tandem::to_text(program_.dims[i]));
    for (size_t i = 0; i < program_.slots.size(); ++i)
      line("{} s{}: {}[{}]", i < static_cast<size_t>(program_.input_count) ? "input" : "slot", i,
           info(program_.slots[i].dtype).text, dims(program_.slots[i].shape));
    for (size_t i = 0; i < program_.kernels.size(); ++i) line("kernel k{}: {}", i, kernel(*program_.kernels[i]));
    block(program_.body);
    std::vector<std::string> outputs;
    outputs.reserve(program_.outputs.size());
    for (const View& output : program_.outputs) outputs.push_back(view(output));
    line("return {}", join(outputs));
    --depth_;
    line("}}");
    return std::move(text_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_.append(static_cast<size_t>(depth_) * 2, ' ');
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  static std::string kernel(const KernelCode& code) {
    std::string text = code.name;
    for (const SourceLoc& source : code.sources)
      if (source.known()) text += fmt::format("{}{}:{}", text == code.name ? "  # " : ", ", source.file, source.line);
    return text;
  }
  static std::string dims(const std::vector<DimRef>& refs) {
    std::vector<std::string> names;
    names.reserve(refs.size());
    for (const DimRef ref : refs) names.push_back(fmt::format("d{}", ref));
    return join(names);
  }
  static std::string operand(const Operand& operand) { return fmt::format("s{}+d{}", operand.slot, operand.offset); }
  static std::string view(const View& view) {
    return fmt::format("s{}+d{}[{}; {}]", view.slot, view.offset, dims(view.shape), dims(view.strides));
  }

  void block(const Block& steps) {
    for (const Step& step : steps) std::visit([this](const auto& op) { print(op); }, step.op);
  }
  void nested(const Block& steps) {
    ++depth_;
    block(steps);
    --depth_;
  }

  void print(const Allocate& op) {
    if (op.reuse >= 0)
      line("s{} = allocate d{} reuse s{}", op.slot, op.count, op.reuse);
    else
      line("s{} = allocate d{}", op.slot, op.count);
  }
  void print(const Launch& op) {
    std::vector<std::string> args;
    args.reserve(op.args.size());
    for (const Operand& arg : op.args) args.push_back(operand(arg));
    line("launch k{}({}) vals [{}] range d{} grain {} cost {}{}", op.kernel, join(args), dims(op.vals), op.range,
         op.grain, op.cost, op.scratch_bytes < 0 ? "" : fmt::format(" scratch d{}", op.scratch_bytes));
  }
  void print(const Matmul& op) {
    line("matmul {} <- {} @ {}{}", view(op.out), view(op.a), view(op.b), op.b_stays ? " stays" : "");
    if (!op.then) return;
    ++depth_;
    line("then by {} of {}", op.then->window < 0 ? "rows" : fmt::format("blocks v{}", op.then->window), op.then->parts);
    print(op.then->launch);
    --depth_;
  }
  void print(const Rows& op) {
    std::vector<std::string> between;
    between.reserve(op.between.size());
    for (const auto& [slot, memory] : op.between) between.push_back(fmt::format("s{} in m{}", slot, memory));
    line("rows of [{}] keeping {} {{", dims(op.extents), join(between));
    nested(op.steps);
    line("}}");
  }
  void print(const Call& op) {
    std::vector<std::string> inputs;
    inputs.reserve(op.inputs.size());
    for (const View& input : op.inputs) inputs.push_back(view(input));
    line("call {} {} <- ({}) params [{}]{}", op.routine->name, view(op.out), join(inputs), dims(op.params),
         failure(op.failure));
  }
  void print(const Copy& op) { line("copy {} <- {}", view(op.to), view(op.from)); }
  void print(const Put& op) {
    line("put {} {} axis {} at {} <- {}", to_text(op.mode), view(op.to), op.axis, view(op.index), view(op.from));
  }
  void print(const Release& op) { line("release s{}", op.slot); }
  void print(const Bind& op) { line("s{} = s{}", op.to, op.from); }
  void print(const Branch& op) {
    line("if s{} {{", op.predicate);
    nested(op.then_block);
    if (!op.else_block.empty()) {
      line("}} else {{");
      nested(op.else_block);
    }
    line("}}");
  }
  void print(const Loop& op) {
    op.rounds < 0 ? line("while {{") : line("while d{} {{", op.rounds);
    nested(op.condition);
    line("}} s{} {{", op.predicate);
    nested(op.body);
    std::vector<std::string> carried;
    carried.reserve(op.carried.size());
    for (const auto& [to, from] : op.carried) carried.push_back(fmt::format("s{} <- s{}", to, from));
    line("}} carry {}", join(carried));
    if (op.tiling) print(*op.tiling);
  }
  void print(const TimeTiling& op) {
    const auto views = [&](const std::vector<View>& all) {
      std::vector<std::string> texts;
      texts.reserve(all.size());
      for (const View& each : all) texts.push_back(view(each));
      return join(texts);
    };
    line("rounds together {{");
    ++depth_;
    for (const TimeTiling::Array& array : op.arrays)
      line("{}s{} of s{}", array.allocated ? "new " : "", array.made, array.old);
    for (const TimeTiling::Touches& launch : op.launches)
      line("launch reads {} writes {}", views(launch.reads), views(launch.writes));
    --depth_;
    line("}}");
  }
  void print(const HostCall& op) {
    std::vector<std::string> args;
    args.reserve(op.args.size());
    for (const View& arg : op.args) args.push_back(view(arg));
    // A program that breaks the rules is shown, too.
    const auto function = static_cast<size_t>(op.function);
    line("host {} ({}){}", function < program_.host.size() ? program_.host[function].text : "?", join(args),
         failure(op.failure));
  }
  void print(const CheckIndex& op) {
    line("check {} axis {} size d{}{}", view(op.indices), op.axis, op.size, failure(op.failure));
  }
  std::string failure(const OnFailure& op) {
    std::vector<std::string> copies;
    copies.reserve(op.copies.size());
    for (const auto& [from, to] : op.copies) copies.push_back(fmt::format("{} <- {}", view(to), view(from)));
    std::string text = copies.empty() ? "" : fmt::format(" else copy {}", join(copies));
    for (const View& arg : op.args) text += fmt::format(" else {}", view(arg));
    return text;
  }

  const Program& program_;
  std::string text_;
  int depth_ = 0;
};

}  // namespace

std::string to_text(const Program& program) { return Printer(program).text(); }

}  // namespace tandem
