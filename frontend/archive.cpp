#include "frontend/archive.h"

#include <algorithm>
#include <map>
#include <optional>

#include "codegen/cuda/compile.h"
#include "deploy/json.h"
#include "deploy/model.h"
#include "deploy/zip.h"
#include "runtime/cuda/strided_copy.h"
#include "runtime/pack.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

// Files of the machine that the model was made on are known by their names alone.
void shorten(StepOrigin& origin) {
  for (SourceLoc& source : origin.sources) source.file = source.file.substr(source.file.rfind('/') + 1);
}

void shorten(OriginRef& origin) {
  if (!origin) return;
  auto shorter = std::make_shared<StepOrigin>(*origin);
  shorten(*shorter);
  origin = std::move(shorter);
}

void shorten(Block& block) {
  for (Step& step : block)
    std::visit(
        [](auto& op) {
          if constexpr (requires { op.origin; }) shorten(op.origin);
          if constexpr (requires { op.then_block; }) shorten(op.then_block), shorten(op.else_block);
          if constexpr (requires { op.condition; }) shorten(op.condition), shorten(op.body);
        },
        step.op);
}

bool is_new_view_of(const CapturedOutput& output, size_t input) {
  if (output.kind == CapturedOutput::Kind::argument_view && static_cast<size_t>(output.index) == input)
    return !output.identical;
  return std::any_of(output.choices.begin(), output.choices.end(),
                     [input](const CapturedOutput& choice) { return is_new_view_of(choice, input); });
}

// The same program for tensors of the model that lie row by row, as all do in the file. Null if they do already.
std::shared_ptr<Executable> row_by_row(const Executable& executable, const MethodNames& names) {
  const auto& [graph, capture] = executable.capture();
  Capture again = capture;
  again.graph = graph;
  bool differs = false;
  for (size_t k = 0; k < graph.params.size(); ++k) {
    Param& param = again.graph.params[k];
    if (!names.inputs[k].second || names.inputs[k].first.empty() || param.contiguous) continue;
    for (const CapturedOutput& output : capture.outputs)
      if (is_new_view_of(output, k))
        throw_error(ErrorKind::value,
                    "save: got the method '{}', which returns a view of the tensor '{}', whose elements do not lie row "
                    "by row; need that; try returning a copy of it, or {} = {}.copy()",
                    names.name, names.inputs[k].first, names.inputs[k].first, names.inputs[k].first);
    param.contiguous = differs = true;
    param.strides.clear();
  }
  if (!differs) return nullptr;
  auto made = std::make_shared<Executable>(std::move(again), executable.options());
  made->compile();
  return made;
}

}  // namespace

int ArchiveWriter::number_of(const Kernel& kernel) {
  const auto [found, is_new] = numbers_.emplace(to_text(kernel), static_cast<int>(kernels_.size()));
  if (is_new) kernels_.push_back(kernel);
  return found->second;
}

void ArchiveWriter::add(const Executable& captured, const MethodNames& names) {
  if (!is_cpu(captured.device()))
    throw_error(ErrorKind::serialization,
                "save: got '{}', which was captured on {}; need the CPU, for GPUs too (targets=['sm_90']); try "
                "module.to('cpu') and examples on the CPU",
                captured.name(), to_text(captured.device()));
  check_internal(captured.input_specs().size() == names.inputs.size(), "a method has another number of inputs");
  const std::shared_ptr<Executable> made = row_by_row(captured, names);
  const Executable& executable = made ? *made : captured;
  const Plan& plan = executable.plan();
  const std::vector<InputSpec> specs = executable.input_specs();
  deploy::Method method;
  method.name = names.name;
  method.doc = names.doc;
  method.symbol_count = executable.symbol_count();
  method.guards = executable.guards();
  method.writebacks = executable.writebacks();
  for (size_t k = 0; k < specs.size(); ++k) {
    deploy::MethodInput input;
    static_cast<InputSpec&>(input) = specs[k];
    std::tie(input.name, input.state) = names.inputs[k];
    if (input.name.empty()) static_cast<InputSpec&>(input) = {DType::f32, true, {}};
    method.inputs.push_back(std::move(input));
  }
  for (size_t k = 0; k < names.outputs.size(); ++k) {
    deploy::MethodOutput output;
    static_cast<CapturedOutput&>(output) = executable.outputs()[k];
    output.name = names.outputs[k];
    method.outputs.push_back(std::move(output));
  }
  for (size_t k = 0; k < plan.kernels.size(); ++k) {
    const KernelCode& code = *plan.program->kernels[k];
    deploy::KernelUse use;
    static_cast<StepOrigin&>(use) = code;
    shorten(use);
    use.kernel = number_of(plan.kernels[k]);
    use.bytes_read = code.bytes_read;
    use.bytes_written = code.bytes_written;
    use.access_messages = code.access_messages;
    method.kernels.push_back(std::move(use));
  }
  for (const HostFunction& host : plan.program->host) method.host.push_back({host.text, host.arguments});
  method.program = *plan.program;
  method.program.kernels.clear();
  method.program.host.clear();
  for (size_t k = 0; k < specs.size(); ++k)
    if (names.inputs[k].first.empty()) method.program.slots[k] = {DType::f32, {}};
  shorten(method.program.body);
  methods_.push_back(std::move(method));
  graphs_.push_back(executable.ir("captured"));
}

void ArchiveWriter::write(const std::string& path, std::string_view manifest, std::string_view weights,
                          const std::vector<std::string>& targets,
                          const std::vector<std::pair<std::string, std::string>>& parts) {
  std::vector<std::pair<std::string, std::string>> files = parts;
  deploy::Json json = deploy::parse_json(manifest, "the manifest");
  json["format"] = "tandem model";
  json["version"] = deploy::kVersion;
  json["targets"] = targets;
  json["methods"] = deploy::Json::array();
  for (size_t k = 0; k < methods_.size(); ++k) {
    const std::string& name = methods_[k].name;
    json["methods"].push_back(name);
    files.emplace_back(fmt::format("methods/{}.graph", name), graphs_[k]);
    files.emplace_back(fmt::format("methods/{}.bin", name), deploy::method_bytes(methods_[k]));
  }
  files.emplace_back("kernels.bin", deploy::kernels_bytes(kernels_));
  for (const std::string& target : targets) {
    files.emplace_back(fmt::format("objects/{}.pack", target), pack_bytes(objects_for(target)));
  }
  json["hashes"]["weights.safetensors"] = hash128(weights).hex();
  for (const auto& [name, bytes] : files) json["hashes"][name] = hash128(bytes).hex();
  const std::string text = json.dump(1);
  std::vector<deploy::ZipPart> zip{{"manifest.json", text}, {"weights.safetensors", weights}};
  for (const auto& [name, bytes] : files) zip.push_back({name, bytes});
  deploy::write_zip(path, zip);
}

std::vector<std::pair<CacheKey, std::string>> ArchiveWriter::objects_for(const std::string& target) const {
  std::vector<std::pair<CacheKey, std::string>> objects;
  const std::optional<DeviceTarget> gpu = device_target(target);
  if (!gpu) {
    objects.reserve(kernels_.size());
    for (size_t k = 0; k < kernels_.size(); ++k)
      objects.emplace_back(CacheKey{{k, 0}}, compile_object(kernels_[k], target));
    return objects;
  }
  // And the copies between layouts, which on the CPU are the runtime's own.
  std::vector<std::pair<CacheKey, Kernel>> wanted;
  wanted.reserve(kernels_.size());
  for (size_t k = 0; k < kernels_.size(); ++k) wanted.emplace_back(CacheKey{{k, 0}}, kernels_[k]);
  std::map<int, int> copies;
  for (const deploy::Method& method : methods_)
    for (const auto& [bytes, rank] : deploy::copies_of(method)) copies[bytes] = std::max(copies[bytes], rank);
  for (const auto& [bytes, ranks] : copies)
    for (int rank = 1; rank <= ranks; ++rank)
      wanted.emplace_back(deploy::copy_key(bytes, rank), cuda::copy_kernel_of(bytes, rank));
  objects.resize(wanted.size());
  constexpr double kKernel = 5e7;  // ns, roughly
  parallel_for(static_cast<int64_t>(wanted.size()), 1, kKernel, [&](int64_t begin, int64_t end) {
    for (auto k = static_cast<size_t>(begin); k < static_cast<size_t>(end); ++k)
      objects[k] = {wanted[k].first, deploy::device_kernel_bytes(cuda::compile(wanted[k].second, *gpu))};
  });
  return objects;
}

std::string ArchiveWriter::object(const std::string& name, std::string_view weights_file, size_t weights_size,
                                  std::string_view target) const {
  check_internal(methods_.size() == 1, "an object holds one method");
  std::string text = fmt::format("module asm \".section .data.{0},\\22aw\\22\"\nmodule asm \".p2align 6\"\n", name);
  text += fmt::format("module asm \".hidden {0}_weights\"\nmodule asm \".globl {0}_weights\"\n", name);
  text += fmt::format("module asm \"{0}_weights: .incbin \\22{1}\\22\"\n", name, weights_file);
  text += fmt::format("@{}_weights = external hidden global i8\n", name);
  const auto constant = [&](std::string_view what, std::string_view bytes) {
    text += fmt::format("@{}_{} = internal constant [{} x i8] c\"", name, what, bytes.size());
    for (const char c : bytes) fmt::format_to(std::back_inserter(text), "\\{:02X}", static_cast<unsigned char>(c));
    text += "\", align 8\n";
  };
  const std::string method = deploy::method_bytes(methods_[0]), kernels = deploy::kernels_bytes(kernels_);
  constant("method", method);
  constant("kernels", kernels);
  constant("target", std::string(target) + '\0');
  std::string functions;
  for (size_t k = 0; k < kernels_.size(); ++k) {
    text += fmt::format("declare hidden void @{}_kernel_{}(i64, i64, ptr, ptr, ptr, ptr)\n", name, k);
    functions += fmt::format("{}ptr @{}_kernel_{}", k > 0 ? ", " : "", name, k);
  }
  text += fmt::format("@{}_functions = internal constant [{} x ptr] [{}]\n", name, kernels_.size(), functions);
  text += fmt::format(
      "@{0}_model = constant {{ptr, ptr, i64, ptr, i64, ptr, i64, ptr}} {{ptr @{0}_target, ptr @{0}_method, i64 {1}, "
      "ptr @{0}_kernels, i64 {2}, ptr @{0}_weights, i64 {3}, ptr @{0}_functions}}\n",
      name, method.size(), kernels.size(), weights_size);
  return compile_object(kernels_, name, text, target);
}

}  // namespace tandem
