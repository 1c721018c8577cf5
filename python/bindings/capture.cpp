// Capture as Python drives it: inputs, regions of control flow, the finished executable.
#include <chrono>
#include <cstring>

#include "frontend/compiling.h"
#include "frontend/eager.h"
#include "frontend/sharing.h"
#include "ir/text.h"
#include "python/bindings/bindings.h"
#include "python/bindings/specialization.h"
#include "runtime/cache.h"
#include "runtime/library.h"
#include "runtime/object.h"
#include "runtime/pack.h"
#include "runtime/parallel.h"
#include "runtime/system_memory.h"

namespace tandem {

namespace {

std::string& package_folder() {
  static auto* folder = new std::string;
  return *folder;
}

SourceLoc user_location() {
  SourceLoc loc;
  if (PyFrameObject* frame = user_frame()) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    loc = {py::handle(code->co_filename).cast<std::string>(), PyFrame_GetLineNumber(frame)};
    Py_DECREF(code);
    Py_DECREF(frame);
  }
  return loc;
}

TensorRef copy_of(const HostTensor& value) {
  Sizes sizes;
  for (int64_t extent : value.shape) sizes.push_back(extent);
  TensorRef copy = Tensor::empty(value.dtype, sizes);
  std::memcpy(copy->data, value.data, static_cast<size_t>(element_count(sizes) * size_of(value.dtype)));
  return copy;
}

// Released with the GIL held, wherever the program dies.
std::shared_ptr<py::function> held_with_gil(py::function function) {
  return {new py::function(std::move(function)), [](py::function* f) {
            py::gil_scoped_acquire gil;
            delete f;
          }};
}

std::function<void(std::span<const HostTensor>)> host_function(std::function<void(const py::list&)> function,
                                                               const std::vector<TensorRef>& tensors) {
  // Values that promote like Python numbers are numbers for the function, too.
  std::vector<bool> weak;
  weak.reserve(tensors.size());
  for (const TensorRef& tensor : tensors) weak.push_back(tensor->recorded && tensor->recorded->weak);
  return [function = std::move(function), weak](std::span<const HostTensor> values) {
    py::gil_scoped_acquire gil;
    py::list arguments;
    for (size_t i = 0; i < values.size(); ++i) {
      const TensorRef copy = copy_of(values[i]);
      arguments.append(weak[i] ? item_of(*copy) : py::cast(copy));
    }
    function(arguments);
  };
}

class CaptureObject {
 public:
  CaptureObject(std::string name, const PlanOptions& options)
      : recorder_(std::make_shared<Recorder>(std::move(name))), options_(options) {}
  ~CaptureObject() { stop(); }
  CaptureObject(const CaptureObject&) = delete;
  CaptureObject& operator=(const CaptureObject&) = delete;

  void start() {
    recorder_->start();
    running_ = true;
  }
  TensorRef input(const TensorRef& tensor, const std::vector<bool>& dynamic, const std::string& name) {
    return recorder_->input(tensor, dynamic, name);
  }
  std::vector<int> written_inputs() const { return recorder_->written_inputs(); }
  std::vector<TensorRef> shared_input(const std::vector<TensorRef>& tensors, const std::string& name) {
    const Memory memory = memory_of(tensors);
    const TensorRef whole = recorder_->input(memory.vector(), {false}, name);
    std::vector<TensorRef> parts;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const auto same = static_cast<size_t>(std::find(tensors.begin(), tensors.end(), tensors[i]) - tensors.begin());
      parts.push_back(same < i ? parts[same] : recorder_->part_of(whole, tensors[i], memory.offsets[i]));
    }
    return parts;
  }
  py::list changed_gradients() const {
    py::list out;
    for (const auto& [input, gradient, given] : recorder_->changed_gradients())
      out.append(py::make_tuple(input, gradient ? wrap(gradient) : py::none(), given ? wrap(given) : py::none()));
    return out;
  }
  TensorRef number_input(const std::string& name) { return recorder_->number_input(name); }
  // `function`: gives what a failure at this point does to what is no tensor, as a function and the tensors it takes; or
  // None. The functions are kept by the specialisation, which the collector of garbage looks into, and not by the program.
  void on_failure(py::function function) {
    failures_ = py::list();
    recorder_->pending = [this, held = held_with_gil(std::move(function))]() -> Recorder::Pending {
      const py::object found = (*held)();
      if (found.is_none()) return {};
      const auto [failed, tensors] = found.cast<std::pair<py::function, std::vector<TensorRef>>>();
      const auto number = failures_.size();
      failures_.append(failed);
      const auto call = [number](const py::list& arguments) { running_failure(number)(*arguments); };
      return {host_function(call, tensors), tensors};
    };
  }
  py::list failures() const { return failures_; }
  py::object size_input(int64_t value) { return to_python(recorder_->size_input(value)); }
  // `budget`: seconds after which calls no longer wait for the code; without one it is compiled here.
  std::shared_ptr<Executable> finish(const std::vector<TensorRef>& outputs, std::optional<double> budget) {
    Capture capture = recorder_->finish(outputs);
    stop();
    auto deadline = Executable::kNever;
    if (budget)
      deadline = Executable::Clock::now() +
                 std::chrono::duration_cast<Executable::Clock::duration>(std::chrono::duration<double>(*budget));
    auto executable = std::make_shared<Executable>(std::move(capture), options_, deadline);
    if (budget) {
      compile_later(*executable);
    } else {
      py::gil_scoped_release release;
      await(*executable);
    }
    return executable;
  }
  void stop() {
    if (running_) recorder_->stop();
    running_ = false;
    recorder_->pending = nullptr;
  }

 private:
  std::shared_ptr<Recorder> recorder_;
  PlanOptions options_;
  py::list failures_;
  bool running_ = false;
};

Recorder& recorder() {
  Recorder* current = Recorder::current();
  if (!current) throw_error(ErrorKind::capture, "control flow: got a captured condition outside of capture");
  return *current;
}

struct IfObject {
  Recorder::Mark mark;
};
struct LanesObject {
  Recorder::Mark mark;
  std::vector<TensorRef> params;
};
struct WhileObject {
  Recorder::Mark mark;
  std::vector<TensorRef> params;
};

Executable& compiled(Executable& executable) {
  if (!executable.ready()) {
    py::gil_scoped_release release;
    await(executable);
  }
  return executable;
}

py::list kernel_list(Executable& executable) {
  compiled(executable);
  py::list out;
  const Plan& plan = executable.plan();
  for (size_t i = 0; i < plan.kernels.size(); ++i) {
    py::dict row;
    row["name"] = plan.kernels[i].name;
    row["stages"] = plan.kernels[i].stages.size();
    row["origin"] = reinterpret_cast<intptr_t>(static_cast<const StepOrigin*>(plan.program->kernels[i].get()));
    row["launches"] = plan.program->kernels[i]->launches.load();
    py::list lines;
    for (const SourceLoc& loc : plan.kernels[i].sources) lines.append(py::make_tuple(loc.file, loc.line));
    row["lines"] = lines;
    out.append(row);
  }
  return out;
}

// How the program computes a node: by kernels of its own group, by a library, as control flow, by the kernels that
// write its parts ("place"), as an index map of its readers ("view"), or anew in each of them ("inline").
std::string_view node_kind(const Node& node, bool grouped) {
  if (!node.regions.empty()) return "control";
  if (grouped) return "kernel";
  if (std::holds_alternative<ViewRule>(node.op->lower)) return "view";
  const auto* structure = std::get_if<Structure>(&node.op->lower);
  if (structure && (*structure == Structure::matmul || *structure == Structure::library)) return "library";
  return structure && (*structure == Structure::concat || *structure == Structure::view_update) ? "place" : "inline";
}

py::dict graph_data(const Graph& graph, const Plan& plan) {
  const auto names = value_names(graph);
  const auto values = [&](const std::vector<ValueId>& ids) {
    py::list out;
    for (const ValueId id : ids) out.append(names[static_cast<size_t>(id)]);
    return out;
  };
  std::vector<const KernelGroup*> group_of(graph.nodes.size(), nullptr);
  for (const KernelGroup& group : plan.groups)
    if (group.graph == &graph)
      for (const int n : group.nodes) group_of[static_cast<size_t>(n)] = &group;
  std::vector<intptr_t> origins(graph.nodes.size(), 0);  // as profiles know library calls
  for (const LibraryNode& library : plan.libraries)
    if (library.graph == &graph)
      origins[static_cast<size_t>(library.node)] = reinterpret_cast<intptr_t>(library.origin.get());
  py::list params, nodes;
  for (const Param& param : graph.params)
    params.append(py::make_tuple(names[static_cast<size_t>(param.value)], to_text(graph.type(param.value))));
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    py::list types, kernels;
    py::dict regions;
    for (const ValueId id : node.outputs) types.append(to_text(graph.type(id)));
    const KernelGroup* group = group_of[i];
    for (int k = 0; group && k < group->kernel_count; ++k) kernels.append(group->first_kernel + k);
    const auto labels = region_labels(*node.op);
    for (size_t r = 0; r < node.regions.size(); ++r)
      regions[py::str(std::string(labels[r]))] = graph_data(*node.regions[r], plan);
    py::dict row;
    row["op"] = node.op->name;
    row["kind"] = node_kind(node, group != nullptr);
    row["text"] = node_text(graph, i, names);
    row["inputs"] = values(node.inputs);
    row["outputs"] = values(node.outputs);
    row["types"] = types;
    row["line"] = node.loc.known() ? py::object(py::make_tuple(node.loc.file, node.loc.line)) : py::none();
    row["kernels"] = kernels;
    row["origin"] = origins[i];
    row["regions"] = regions;
    nodes.append(row);
  }
  py::dict out;
  out["params"] = params;
  out["nodes"] = nodes;
  out["results"] = values(graph.results);
  return out;
}

}  // namespace

PyFrameObject* user_frame() {
  PyFrameObject* frame = PyEval_GetFrame();  // borrowed
  Py_XINCREF(frame);
  while (frame) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    Py_ssize_t size = 0;
    const char* file = PyUnicode_AsUTF8AndSize(code->co_filename, &size);
    const std::string_view name(file ? file : "", static_cast<size_t>(file ? size : 0));
    // The demonstration is a user of the package, not a part of it; "<frozen ...>" is the interpreter itself.
    const bool own =
        (name.starts_with(package_folder()) && !name.substr(package_folder().size()).starts_with("_demo")) ||
        name.starts_with("<frozen ");
    Py_DECREF(code);
    if (!own) return frame;
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = back;
  }
  return nullptr;
}

void bind_capture(py::module_& m) {
  Recorder::locate = user_location;
  // Ctrl-C ends a compiled loop: signals are looked at a few times a second.
  set_loop_hook([] {
    thread_local std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(50)) return;
    last = now;
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  });
  m.def("_set_package_folder", [](std::string folder) { package_folder() = std::move(folder); });
  m.def("_location", [] {
    const SourceLoc loc = user_location();
    return py::make_tuple(loc.file, loc.line);
  });
  m.def("recording", [] { return Recorder::current() != nullptr; }, "Return whether this thread is capturing.");
  m.def("lift", [](py::handle value) -> TensorRef {
    if (const TensorRef* tensor = tensor_pointer(value)) return *tensor;
    if (is_size(value)) return recorder().from_dim(dim_from(value));
    const auto kind = number_kind(value);
    if (!kind)
      throw_error(ErrorKind::type, "capture: got {}; need a tensor or a Python number", std::string(py::repr(value)));
    if (*kind == Kind::complex) return number_tensor(value, DType::c128, "capture");
    return recorder().lift(*kind, *kind == Kind::floating ? value.cast<double>() : 0,
                           *kind == Kind::floating  ? 0
                           : *kind == Kind::boolean ? value.cast<bool>()
                                                    : dim_from(value).constant());
  });
  m.def(
      "as_number", [](const TensorRef& x) { return recorder().as_number(x); },
      "Return a recorded 0-d tensor as the Python number that it is in eager code.");

  py::class_<CaptureObject>(m, "Capture")
      .def(py::init([](std::string name, bool fast, bool disk_cache) {
             const Numerics numerics = fast ? Numerics::fast : Numerics::strict;
             return std::make_unique<CaptureObject>(std::move(name), PlanOptions{numerics, disk_cache});
           }),
           py::arg("name"), py::arg("fast") = false, py::arg("disk_cache") = true)
      .def("start", &CaptureObject::start)
      .def("input", &CaptureObject::input, py::arg("tensor"), py::arg("dynamic"), py::arg("name") = "")
      .def("written_inputs", &CaptureObject::written_inputs)
      .def("shared_input", &CaptureObject::shared_input, py::arg("tensors"), py::arg("name"))
      .def("number_input", &CaptureObject::number_input, py::arg("name") = "")
      .def("size_input", &CaptureObject::size_input, py::arg("value"))
      .def("on_failure", &CaptureObject::on_failure, py::arg("function"))
      .def_property_readonly("failures", &CaptureObject::failures)
      .def("finish", &CaptureObject::finish, py::arg("outputs"), py::arg("budget") = py::none())
      .def("changed_gradients", &CaptureObject::changed_gradients)
      .def("abort", &CaptureObject::stop);

  py::class_<IfObject>(m, "If")
      .def("otherwise", [](IfObject&, const std::vector<TensorRef>& outputs) { recorder().if_otherwise(outputs); })
      .def(
          "end",
          [](IfObject&, const std::vector<TensorRef>& outputs, const std::vector<std::string>& names) {
            return recorder().if_end(outputs, names);
          },
          py::arg("outputs"), py::arg("names") = std::vector<std::string>{})
      .def("abort", [](IfObject& self) { recorder().rewind(self.mark); });
  m.def(
      "host_call",
      [](std::string text, py::function function, const std::vector<TensorRef>& tensors) {
        recorder().host_call({std::move(text), host_function([held = held_with_gil(std::move(function))](
                                                                 const py::list& arguments) { (*held)(*arguments); },
                                                             tensors)},
                             tensors);
      },
      py::arg("text"), py::arg("function"), py::arg("tensors"));
  m.def("if_begin", [](const TensorRef& predicate) {
    IfObject handle{recorder().mark()};
    recorder().if_begin(predicate);
    return handle;
  });
  py::class_<LanesObject>(m, "Lanes")
      .def_property_readonly("params", [](const LanesObject& self) { return self.params; })
      .def(
          "end", [](LanesObject&, const std::vector<TensorRef>& results) { return recorder().lanes_end(results); },
          py::arg("results"))
      .def("abort", [](LanesObject& self) { recorder().rewind(self.mark); });
  m.def("lanes_begin", [](const std::vector<TensorRef>& arguments) {
    LanesObject handle{recorder().mark(), {}};
    handle.params = recorder().lanes_begin(arguments);
    return handle;
  });
  py::class_<WhileObject>(m, "While")
      .def_property_readonly("params", [](const WhileObject& self) { return self.params; })
      .def("body", [](WhileObject&, const TensorRef& condition) { return recorder().while_body(condition); })
      .def(
          "end",
          [](WhileObject&, const std::vector<TensorRef>& nexts, bool runs) {
            return recorder().while_end(nexts, runs);
          },
          py::arg("nexts"), py::arg("runs") = false)
      .def("abort", [](WhileObject& self) { recorder().rewind(self.mark); });
  m.def(
      "while_begin",
      [](const std::vector<TensorRef>& inits, std::vector<std::string> names) {
        WhileObject handle{recorder().mark(), {}};
        handle.params = recorder().while_begin(inits, std::move(names));
        return handle;
      },
      py::arg("inits"), py::arg("names") = std::vector<std::string>{});

  py::class_<Executable, std::shared_ptr<Executable>>(m, "Executable", "A captured and compiled function.")
      .def(
          "ir", [](Executable& e, std::string_view stage) { return (stage == "captured" ? e : compiled(e)).ir(stage); },
          py::arg("stage"))
      .def("passes", [](const Executable& e) { return e.passes(); })
      .def("kernels", kernel_list)
      .def_property_readonly("constants", [](const Executable& e) { return e.constants(); })
      .def("gradient_of", &Executable::gradient_of, py::arg("input"), "Return the input whose `grad` it is, or -1.")
      .def(
          "graph",
          [](Executable& e) {
            compiled(e);
            py::dict out = graph_data(*e.plan().graph, e.plan());
            out["writebacks"] = e.writebacks();
            return out;
          },
          "Return the graph as it was planned, and which kernels compute each node.")
      .def(
          "size_guards",
          [](const Executable& e) {
            std::vector<std::string> out;
            for (const ShapeGuard& guard : e.guards()) out.push_back(to_text(guard));
            return out;
          },
          "Return what the sizes of the arguments must satisfy.")
      .def_property_readonly("ready", &Executable::ready, "Whether it is compiled; what shows the code waits for that.")
      .def_property_readonly("compile_seconds", &Executable::compile_seconds)
      .def("uses", &Executable::uses, py::arg("input"), "Return whether anything is computed from an input.")
      .def_property_readonly("writes_inputs", [](const Executable& e) { return !e.writebacks().empty(); })
      .def_readonly("node_count", &Executable::node_count);

  m.def(
      "sharing", [](const std::vector<TensorRef>& tensors) { return sharing(tensors); }, py::arg("tensors"),
      "Return the numbers of the tensors whose memory overlaps with that of others among them, group by group.");
  m.def(
      "_stop_compiling",
      [] {
        py::gil_scoped_release release;
        stop_compiling();
      },
      "End the thread that compiles in the background.");
  m.def("_hold_compiling", &hold_compiling, py::arg("held"), "Let the thread that compiles begin with nothing, or on.");
  // The tensors of a specification: they are looked at for what they are like, and never read.
  m.def(
      "_example",
      [](const std::vector<int64_t>& shape, py::handle dtype) {
        Sizes sizes;
        for (const int64_t size : shape) sizes.push_back(size);
        auto out = std::make_shared<Tensor>(dtype_from(dtype), sizes, contiguous_strides(sizes), StorageRef(), nullptr);
        out->writable = true;
        return out;
      },
      py::arg("shape"), py::arg("dtype"), "Make a tensor without memory, as an example of a shape.");
  m.def("stats", [] {
    const CompileStats c = compile_stats();
    const EagerStats e = eager_stats();
    const ProgramStats p = program_stats();
    const CacheStats d = cache_stats();
    py::dict out;
    out["compiled"] = c.compiled;
    out["pack_hits"] = c.pack_hits;
    out["disk_hits"] = c.disk_hits;
    out["memory_hits"] = c.memory_hits;
    out["compile_seconds"] = c.compile_seconds;
    out["eager_calls"] = e.calls;
    out["eager_programs"] = e.programs;
    out["program_runs"] = p.runs;
    out["launches"] = p.launches;
    out["library_calls"] = p.library_calls;
    out["copies"] = p.copies;
    out["allocations"] = p.allocations;
    out["reuses"] = p.reuses;
    out["allocated_bytes"] = p.allocated_bytes;
    out["cache_corrupt"] = d.corrupt;
    out["cache_failures"] = d.failures;
    return out;
  });
  m.def(
      "memory_stats",
      [] {
        const MemoryStats s = memory_stats();
        py::dict out;
        out["in_use"] = s.in_use;
        out["peak"] = s.peak;
        out["reserved"] = s.reserved;
        out["code"] = LoadedObject::live_bytes();
        out["allocations"] = s.allocations;
        out["system_allocations"] = s.system_allocations;
        return out;
      },
      "Return bytes in use, their peak, bytes reserved from the system, bytes of machine code, and numbers of "
      "allocations.\n\n>>> td.memory_stats()[\"in_use\"] >= 0\nTrue");
  m.def("reset_peak_memory", &reset_peak_memory,
        "Let `peak` of td.memory_stats begin anew from what is in use now.\n\n>>> td.reset_peak_memory()");
  m.def("empty_cache", &empty_cache, "Give free memory back to the system.\n\n>>> td.empty_cache()");
  m.def(
      "clear_kernels",
      [] {
        clear_eager_programs();
        clear_kernel_memory();
        empty_cache();
        trim_heap();
      },
      "Forget compiled kernels and eager programs held in memory, and give free memory back; those in use stay.");
  m.def("num_threads", &num_threads, "Return how many threads kernels may use.\n\n>>> td.num_threads() >= 1\nTrue");
  m.def(
      "set_num_threads",
      [](int n) {
        if (n < 1) throw_error(ErrorKind::value, "set_num_threads: got {}; need 1 or more", n);
        set_num_threads(n);
      },
      py::arg("n"),
      "Choose how many threads kernels may use. Results do not depend on it.\n\n>>> "
      "td.set_num_threads(td.num_threads())");
  m.def("backend_name", [] { return std::string(default_backend().name()); }, "Return 'llvm' or 'interp'.");
  m.def("library_versions", &library_versions);
  m.def("_pack_kernels", &pack_cache, py::arg("file"),
        "Write the kernels of the cache folder into one file, and return how many there are.");
  m.def("cache_folder", &cache_folder, "Return the folder compiled kernels are kept in.");
}

}  // namespace tandem
