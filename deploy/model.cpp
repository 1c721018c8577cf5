#include "deploy/model.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>

#include "codegen/interp/interp.h"
#include "deploy/json.h"
#include "deploy/printing.h"
#include "deploy/weights.h"
#include "runtime/cpu.h"
#include "runtime/cuda/launch.h"
#include "runtime/cuda/strided_copy.h"
#include "runtime/native_kernel.h"
#include "runtime/pack.h"

namespace tandem::deploy {

namespace {

constexpr const char* kFormat = "tandem model";
constexpr const char* kManifest = "manifest.json";
constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kKernels = "kernels.bin";

using Entries = std::map<std::string, ZipEntry, std::less<>>;

[[noreturn]] void broken(std::string_view what) {
  throw_error(ErrorKind::serialization, "load: got an archive that is damaged: {}", what);
}

const ZipEntry& entry_of(const Entries& entries, std::string_view name) {
  const auto found = entries.find(name);
  if (found == entries.end()) broken(fmt::format("'{}' is missing", name));
  return found->second;
}

std::string object_name(std::string_view target) { return fmt::format("objects/{}.pack", target); }

// Everything in the manifest that is needed here.
struct Manifest {
  int64_t version;
  std::vector<std::string> methods, targets;
};

std::vector<std::string> texts(const Json& manifest, const char* name) {
  std::vector<std::string> found;
  if (!manifest.contains(name) || !manifest[name].is_array()) broken(fmt::format("the manifest has no '{}'", name));
  for (const Json& text : manifest[name]) {
    if (!text.is_string()) broken(fmt::format("'{}' of the manifest is malformed", name));
    found.push_back(text.get<std::string>());
  }
  return found;
}

Manifest read_manifest(const Entries& entries, bool verified) {
  const ZipEntry& entry = entry_of(entries, kManifest);
  verify_checksum(kManifest, entry);
  const Json json = parse_json(entry.bytes, "the manifest");
  if (!json.is_object() || !json.contains("format") || json["format"] != kFormat)
    throw_error(ErrorKind::serialization,
                "load: got a zip file that is no model of Tandem; need one that td.save wrote");
  if (!json.contains("version") || !json["version"].is_number_integer()) broken("the manifest has no version");
  if (const auto version = json["version"].get<int64_t>(); version < 1 || version > kVersion)
    throw_error(ErrorKind::serialization,
                "load: got a model of version {}; need at most {}; try a newer version of Tandem", version, kVersion);
  if (!json.contains("hashes") || !json["hashes"].is_object()) broken("the manifest has no hashes");
  const Json& hashes = json["hashes"];
  for (const auto& [name, part] : entries) {
    if (name == kManifest) continue;
    if (!hashes.contains(name) || !hashes[name].is_string()) broken(fmt::format("'{}' has no hash", name));
    if (verified && hashes[name] != hash128(part.bytes).hex())
      broken(fmt::format("'{}' does not agree with its hash", name));
  }
  return {json["version"].get<int64_t>(), texts(json, "methods"), texts(json, "targets")};
}

void check_launches(const Block& block, std::span<const size_t> buffers, std::span<const size_t> values) {
  for (const Step& step : block) {
    const auto* product = std::get_if<Matmul>(&step.op);
    const auto* launch = product && product->then ? &product->then->launch : std::get_if<Launch>(&step.op);
    if (launch) {
      const auto kernel = static_cast<size_t>(launch->kernel);
      if (kernel >= buffers.size() || launch->args.size() != buffers[kernel] || launch->vals.size() < values[kernel])
        broken("a kernel is called in another way");
    } else if (const auto* rows = std::get_if<Rows>(&step.op)) {
      check_launches(rows->steps, buffers, values);
    } else if (const auto* branch = std::get_if<Branch>(&step.op)) {
      check_launches(branch->then_block, buffers, values);
      check_launches(branch->else_block, buffers, values);
    } else if (const auto* loop = std::get_if<Loop>(&step.op)) {
      check_launches(loop->condition, buffers, values);
      check_launches(loop->body, buffers, values);
    }
  }
}

// Memory of the file, which stays mapped as long as somebody uses it.
StorageRef part_of(const std::shared_ptr<MappedFile>& file, char* data, size_t bytes) {
  StorageRef part = borrow(data, bytes, true, new std::shared_ptr<MappedFile>(file),
                           [](Storage* storage) { delete static_cast<std::shared_ptr<MappedFile>*>(storage->owner); });
  part->lent = false;  // a private mapping
  return part;
}

std::shared_ptr<const CompiledKernel> device_code(std::string_view object, const Kernel& kernel, int64_t version) {
  const bool checks = std::any_of(kernel.accesses.begin(), kernel.accesses.end(),
                                  [](const Access& access) { return !access.gathers.empty(); });
  return std::make_shared<const cuda::DeviceCode>(read_device_kernel(object, kernel, version), checks);
}

// Of a tensor on a GPU, to where it is on the host.
void to_host(const Model::State& state) { copy_alike(state.array, state.host); }

std::string shape_text(const Sizes& sizes) {
  Shape shape(sizes.begin(), sizes.end());
  return to_text(shape);
}

std::string type_text(const TensorType& type) { return std::string(info(type.dtype).name) + to_text(type.shape); }

}  // namespace

std::shared_ptr<Model> Model::load(const std::string& path, const LoadOptions& options) {
  std::shared_ptr<Model> model(new Model);
  model->file_ = MappedFile::open(path);
  const std::string_view bytes = model->file_->bytes();
  const Entries entries = read_zip(bytes);
  const Manifest manifest = read_manifest(entries, options.verified);
  model->manifest_ = std::string(entry_of(entries, kManifest).bytes);
  for (const auto& [name, entry] : entries) model->order_.push_back(name);
  const std::string_view weights = entry_of(entries, kWeights).bytes;
  model->read_state(weights, model->file_->data() + (weights.data() - bytes.data()));
  model->target_ = choose_target(options.target, manifest.targets);
  const bool interpreted = model->target() == kInterpreter, on_gpu = !is_cpu(model->device());
  for (State& state : model->state_) state.array = on_device(state.host, model->device());
  const Pack objects(interpreted ? std::string_view() : entry_of(entries, object_name(model->target())).bytes);
  const std::unique_ptr<Backend> interpreter = make_interpreter();
  const std::vector<Kernel> kernels = read_kernels(entry_of(entries, kKernels).bytes, manifest.version);
  for (size_t k = 0; k < kernels.size(); ++k) {
    if (interpreted) {
      model->add_kernel(kernels[k], interpreter->compile(kernels[k]));
      continue;
    }
    const std::string_view object = objects.find(CacheKey{{k, 0}});
    if (object.empty()) broken(fmt::format("the code of a kernel for {} is missing", model->target()));
    if (on_gpu)
      model->add_kernel(kernels[k], device_code(object, kernels[k], manifest.version));
    else
      model->add_kernel(kernels[k], std::make_shared<NativeKernel>(LoadedObject::load(object, kEntryPoint)));
  }
  for (const std::string& name : manifest.methods)
    model->add_method(read_method(entry_of(entries, fmt::format("methods/{}.bin", name)).bytes, manifest.version));
  if (on_gpu) model->add_copy_kernels(objects, manifest.version);
  return model;
}

std::shared_ptr<Model> Model::embedded(const td_embedded& parts) {
  std::shared_ptr<Model> model(new Model);
  const auto bytes = [](const td_bytes& part) { return std::string_view(static_cast<char*>(part.data), part.size); };
  model->read_state(bytes(parts.weights), static_cast<char*>(parts.weights.data));
  const std::vector<std::string_view> levels = cpu_levels();
  const bool fits = std::find(levels.begin(), levels.end(), parts.target) != levels.end();
  model->target_.name = fits ? parts.target : kInterpreter;
  const std::unique_ptr<Backend> interpreter = make_interpreter();
  const std::vector<Kernel> kernels = read_kernels(bytes(parts.kernels), kVersion);
  for (size_t k = 0; k < kernels.size(); ++k)
    model->add_kernel(kernels[k],
                      fits ? std::make_shared<NativeKernel>(parts.functions[k]) : interpreter->compile(kernels[k]));
  model->add_method(read_method(bytes(parts.method), kVersion));
  return model;
}

void Model::add_kernel(const Kernel& kernel, std::shared_ptr<const CompiledKernel> code) {
  kernel_buffers_.push_back(buffers_of(kernel));
  kernel_values_.push_back(values_of(kernel));
  kernels_.push_back(std::move(code));
}

// The strided copies that methods may make.
void Model::add_copy_kernels(const Pack& objects, int64_t version) {
  std::map<int, int> most;
  for (const auto& loaded : methods_)
    for (const auto& [bytes, rank] : copies_of(loaded->method)) most[bytes] = std::max(most[bytes], rank);
  for (const auto& [bytes, ranks] : most)
    for (int rank = 1; rank <= ranks; ++rank) {
      const std::string_view object = objects.find(copy_key(bytes, rank));
      if (object.empty()) broken(fmt::format("the code of a copy for {} is missing", target()));
      cuda::add_copy_kernel(device().index, bytes, rank,
                            device_code(object, cuda::copy_kernel_of(bytes, rank), version));
    }
}

// `data`: the same bytes, to be written to.
void Model::read_state(std::string_view weights, char* data) {
  for (const Weight& weight : read_weights(weights)) {
    char* start = data + weight.offset;
    StorageRef storage;
    if (reinterpret_cast<uintptr_t>(start) % size_of(real_type(weight.dtype)) == 0) {
      storage = part_of(file_, start, weight.bytes);
    } else {  // another program wrote the archive
      storage = allocate(weight.bytes);
      start = static_cast<char*>(std::memcpy(storage->data, start, weight.bytes));
    }
    Array array{weight.dtype, weight.sizes, contiguous_strides(weight.sizes), std::move(storage), start};
    state_.push_back({weight.name, array, array});
  }
}

const Array* Model::find_state(std::string_view name) const {
  const auto found = std::find_if(state_.begin(), state_.end(), [name](const State& s) { return s.name == name; });
  return found != state_.end() ? &found->array : nullptr;
}

const Array* Model::lend_state(std::string_view name) {
  const auto found = std::find_if(state_.begin(), state_.end(), [name](const State& s) { return s.name == name; });
  if (found == state_.end()) return nullptr;
  if (!is_cpu(device())) {
    const std::unique_lock alone(running_);
    if (!found->host.storage->lent) to_host(*found);
    lent_ = true;
  }
  found->host.storage->lent = true;
  return &found->host;
}

// What others may have written to on the host, before a method runs; what nobody holds any more is the device's again.
void Model::take_lent_state() {
  lent_ = false;
  for (State& state : state_) {
    if (!state.host.storage->lent) continue;
    state.host.storage->lent = !state.host.storage.unique();
    lent_ = lent_ || state.host.storage->lent;
    copy_alike(state.host, state.array);
    ++state.array.storage->version;
  }
}

void Model::give_lent_state() const {
  for (const State& state : state_)
    if (state.host.storage->lent) to_host(state);
}

void Model::add_method(Method method) {
  std::vector<size_t> buffers, values;
  for (const KernelUse& use : method.kernels) {
    const auto number = static_cast<size_t>(use.kernel);
    if (use.kernel < 0 || number >= kernels_.size()) broken("a kernel is none");
    auto code = std::make_shared<KernelCode>();
    static_cast<StepOrigin&>(*code) = use;
    code->code = kernels_[number];
    code->bytes_read = use.bytes_read;
    code->bytes_written = use.bytes_written;
    code->access_messages = use.access_messages;
    method.program.kernels.push_back(std::move(code));
    buffers.push_back(kernel_buffers_[number]);
    values.push_back(kernel_values_[number]);
  }
  for (const SavedHost& host : method.host) {
    HostFunction function{host.text, nullptr};
    function.arguments = host.arguments;
    Printed printed;
    if (parse_printed(host.text, printed)) {
      function.call = [printed = std::move(printed)](std::span<const HostTensor> args) { show(printed, args); };
      method.program.host.push_back(std::move(function));
      continue;
    }
    function.call = [text = host.text, name = method.name](std::span<const HostTensor> args) {
      const bool asserted = text.starts_with("assert");
      if (!asserted && !text.starts_with("raise")) return;
      if (asserted && !args.empty() && args[0].dtype == DType::boolean && *static_cast<const bool*>(args[0].data))
        return;
      throw_error(ErrorKind::value, "{}: the model ended with: {}", name, text);
    };
    method.program.host.push_back(std::move(function));
  }
  check(method);
  check_launches(method.program.body, buffers, values);
  auto loaded = std::make_unique<Loaded>();
  for (const MethodInput& input : method.inputs) {
    static const Array kUnused;
    const Array* array = !input.state ? nullptr : input.name.empty() ? &kUnused : find_state(input.name);
    if (input.state && !array) broken(fmt::format("the tensor '{}' is missing", input.name));
    if (!input.state) loaded->arguments.push_back(loaded->state.size());
    loaded->state.push_back(array);
  }
  loaded->written.assign(method.inputs.size(), false);
  method.program.device = device();
  method.program.writes_inputs = !method.writebacks.empty();
  for (const auto& [result, input] : method.writebacks) {
    loaded->written[static_cast<size_t>(input)] = true;
    loaded->writes_state = loaded->writes_state || method.inputs[static_cast<size_t>(input)].state;
  }
  const std::vector<InputSpec> specs(method.inputs.begin(), method.inputs.end());
  loaded->signature = Signature(specs, method.guards, static_cast<size_t>(method.symbol_count));
  loaded->method = std::move(method);
  methods_.push_back(std::move(loaded));
}

int Model::find(std::string_view name) const {
  const auto found =
      std::find_if(methods_.begin(), methods_.end(), [name](const auto& m) { return m->method.name == name; });
  return found != methods_.end() ? static_cast<int>(found - methods_.begin()) : -1;
}

TensorType Model::argument_type(size_t method, size_t argument) const {
  const MethodInput& input = method_input(method, argument);
  return {input.dtype, input.sizes, {}};
}

TensorType Model::output_type(size_t method, size_t output) const {
  const Method& m = methods_[method]->method;
  return type_of(m, m.outputs[output]);
}

std::string Model::signature(size_t method) const {
  const Method& m = methods_[method]->method;
  std::string text = m.name + "(";
  for (size_t k = 0; k < argument_count(method); ++k)
    text += fmt::format("{}{}: {}", k > 0 ? ", " : "", argument_name(method, k), type_text(argument_type(method, k)));
  text += ") -> ";
  for (size_t k = 0; k < m.outputs.size(); ++k) text += (k > 0 ? ", " : "") + type_text(output_type(method, k));
  return text;
}

// The inputs of the program in its order, and the values of its symbols.
void Model::gather(const Loaded& loaded, std::span<const Array> arguments, std::vector<Array>& inputs,
                   int64_t* symbols) const {
  const Method& m = loaded.method;
  if (arguments.size() != loaded.arguments.size())
    throw_error(ErrorKind::value, "{}: got {} arguments; need {}: {}", m.name, arguments.size(),
                loaded.arguments.size(), signature(static_cast<size_t>(find(m.name))));
  inputs.resize(m.inputs.size());
  for (size_t k = 0; k < m.inputs.size(); ++k)
    if (loaded.state[k]) inputs[k] = *loaded.state[k];
  for (size_t k = 0; k < arguments.size(); ++k) {
    const size_t input = loaded.arguments[k];
    const bool moves = !arguments[k].storage || arguments[k].sizes.empty();
    if (!moves && arguments[k].device() != device())
      throw_error(ErrorKind::value, "{}: got '{}' on {}; need {}, where the model is; try {}", m.name,
                  m.inputs[input].name, to_text(arguments[k].device()), to_text(device()),
                  is_cpu(device()) ? "x.cpu(), or td.load(path, device='cuda')" : "x.cuda()");
    const bool packed = m.inputs[input].contiguous && !arguments[k].is_contiguous();
    if (packed && loaded.written[input])
      throw_error(ErrorKind::value,
                  "{}: got elements of '{}' that do not lie row by row; need that, as it writes to them", m.name,
                  m.inputs[input].name);
    inputs[input] = packed ? contiguous(arguments[k]) : arguments[k];
    if (inputs[input].device() != device()) inputs[input] = on_device(inputs[input], device());
  }
  const auto fail = [&]<class... Args>(int input, fmt::format_string<Args...> text, Args&&... args) -> bool {
    const std::string reason = fmt::format(text, std::forward<Args>(args)...);
    if (input < 0) throw_error(ErrorKind::shape, "{}: got sizes it is not made for: {}", m.name, reason);
    const auto i = static_cast<size_t>(input);
    const MethodInput& spec = m.inputs[i];
    throw_error(inputs[i].dtype != spec.dtype ? ErrorKind::dtype : ErrorKind::shape,
                "{}: got {}{} for '{}'; need {}{} ({})", m.name, info(inputs[i].dtype).name,
                shape_text(inputs[i].sizes), spec.name, info(spec.dtype).name, to_text(spec.sizes), reason);
  };
  loaded.signature.match(inputs, symbols, fail);
}

void Model::run(size_t method, std::span<const Array> arguments, std::span<Array> results) {
  const Loaded& loaded = *methods_[method];
  const Method& m = loaded.method;
  check_internal(results.size() == m.outputs.size(), "a method has another number of results");
  std::vector<Array> inputs;
  int64_t symbols[Method::kMostSymbols] = {};
  gather(loaded, arguments, inputs, symbols);
  std::vector<Buffer> buffers(inputs.size()), made(m.program.outputs.size());
  for (size_t k = 0; k < inputs.size(); ++k) buffers[k] = {inputs[k].storage, inputs[k].data};
  {
    std::shared_lock reading(running_, std::defer_lock);
    std::unique_lock writing(running_, std::defer_lock);
    const bool alone = loaded.writes_state || lent_;
    if (alone)
      writing.lock();
    else
      reading.lock();
    if (alone && lent_) take_lent_state();
    // Whether it ends or throws.
    struct Written {
      ~Written() {
        for (const auto& [result, input] : method.writebacks)
          if (Storage* storage = buffers[static_cast<size_t>(input)].storage.get()) ++storage->version;
      }
      const Method& method;
      const std::vector<Buffer>& buffers;
    } const written{m, buffers};
    tandem::run(m.program, buffers, symbols, made);
    if (loaded.writes_state && lent_) give_lent_state();
    for (size_t k = 0; k < arguments.size(); ++k)
      if (const size_t input = loaded.arguments[k]; loaded.written[input] && arguments[k].device() != device())
        copy_alike(inputs[input], arguments[k]);
  }
  for (size_t k = 0; k < results.size(); ++k) {
    const CapturedOutput& output = chosen(m.outputs[k], made);
    const auto i = static_cast<size_t>(output.index);
    if (output.identical) {
      results[k] = inputs[i];
      continue;
    }
    const bool of_argument = output.kind == CapturedOutput::Kind::argument_view;
    const Buffer& base = of_argument ? buffers[i] : made[i];
    const int slot = of_argument ? output.index : m.program.outputs[i].slot;
    const DType dtype = m.program.slots[static_cast<size_t>(slot)].dtype;
    const ArrayLayout layout = output.kind == CapturedOutput::Kind::value ? layout_of_value(m.program, i, symbols)
                                                                          : layout_of_view(output, symbols);
    results[k] = {dtype, layout.sizes, layout.strides, base.storage,
                  static_cast<char*>(base.data) + layout.offset * size_of(dtype)};
  }
}

void Model::save(const std::string& path) const {
  if (!file_) throw_error(ErrorKind::value, "save: got a model that is part of the program; need one from a file");
  const std::unique_lock alone(running_);
  for (const State& state : state_)
    if (!is_cpu(device()) && !state.host.storage->lent) to_host(state);
  const Entries entries = read_zip(file_->bytes());
  Json manifest = parse_json(manifest_, "the manifest");
  manifest["hashes"][kWeights] = hash128(entry_of(entries, kWeights).bytes).hex();
  const std::string text = manifest.dump(1);
  std::vector<ZipPart> parts;
  parts.reserve(order_.size());
  for (const std::string& name : order_)
    parts.push_back({name, name == kManifest ? std::string_view(text) : entry_of(entries, name).bytes});
  write_zip(path, parts);
}

}  // namespace tandem::deploy
