// What `td.cuda` is made of: GPUs as Python sees them. Nothing here opens the driver before it is called.
#include "codegen/device.h"
#include "codegen/gpu_pack.h"
#include "python/bindings/bindings.h"
#include "runtime/cuda/copy.h"
#include "runtime/cuda/cudnn.h"
#include "runtime/cuda/cudnn_convolution.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/execute.h"
#include "runtime/cuda/graph.h"
#include "runtime/cuda/launch.h"
#include "runtime/cuda/matmul.h"
#include "runtime/dylib.h"

namespace tandem {

namespace {

using cuda::Gpu;

class Event {
 public:
  explicit Event(int index) : gpu_(Gpu::at(index)) {
    gpu_.enter();
    gpu_.check(cuda::driver().event_create(&event_, 0), "cuEventCreate");
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (!cuda::forked() && !gpu_.lost()) cuda::driver().event_destroy(event_);
  }
  void record() {
    gpu_.enter();
    gpu_.check(cuda::driver().event_record(event_, gpu_.stream), "cuEventRecord");
  }
  bool done() {
    gpu_.enter();
    const cuda::Result result = cuda::driver().event_query(event_);
    if (result != cuda::Result::not_ready) gpu_.check(result, "cuEventQuery");
    return result == cuda::Result::success;
  }
  void synchronize() {
    const py::gil_scoped_release others;
    gpu_.enter();
    gpu_.check(cuda::driver().event_synchronize(event_), "cuEventSynchronize");
  }
  double elapsed(const Event& end) {
    float milliseconds = 0;
    gpu_.enter();
    gpu_.check(cuda::driver().event_elapsed(&milliseconds, event_, end.event_), "cuEventElapsedTime");
    return static_cast<double>(milliseconds);
  }

 private:
  Gpu& gpu_;
  cuda::Handle event_ = nullptr;
};

py::dict properties(int index) {
  const cuda::Properties& p = Gpu::at(index).properties;
  py::dict out;
  out["name"] = p.name;
  out["major"] = p.major;
  out["minor"] = p.minor;
  out["total_memory"] = p.memory;
  out["multi_processor_count"] = p.multiprocessors;
  out["warp_size"] = p.warp_size;
  out["max_threads_per_block"] = p.max_threads_per_block;
  out["max_threads_per_multi_processor"] = p.max_threads_per_multiprocessor;
  out["shared_memory_per_block"] = p.max_shared_memory;
  out["L2_cache_size"] = p.l2_cache;
  out["clock_rate"] = p.clock_rate;
  out["memory_clock_rate"] = p.memory_clock_rate;
  out["memory_bus_width"] = p.memory_bus_width;
  return out;
}

py::dict memory(int index) {
  const cuda::DeviceMemoryStats stats = Gpu::at(index).memory.stats();
  py::dict out;
  out["in_use"] = stats.in_use;
  out["peak"] = stats.peak;
  out["reserved"] = stats.reserved;
  out["allocations"] = stats.allocations;
  out["device_allocations"] = stats.device_allocations;
  out["retries"] = stats.retries;
  return out;
}

py::dict statistics() {
  const cuda::CopyStats copies = cuda::copy_stats();
  const cuda::HostStepStats host = cuda::host_step_stats();
  const cuda::LaunchStats launches = cuda::launch_stats();
  const cuda::MatmulStats products = cuda::matmul_stats();
  py::dict out;
  out["launches"] = launches.launches;
  out["modules"] = launches.modules;
  out["products"] = products.calls;
  out["convolutions"] = cuda::cudnn_calls();
  out["product_copies"] = products.copies;
  out["copies_to_device"] = copies.to_device;
  out["copies_to_host"] = copies.to_host;
  out["bytes_to_device"] = copies.to_device_bytes;
  out["bytes_to_host"] = copies.to_host_bytes;
  out["peer_copies"] = copies.peer;
  out["host_steps"] = host.steps;
  out["host_step_bytes"] = host.bytes;
  out["predicates"] = host.predicates;
  const cuda::GraphStats graphs = cuda::graph_stats();
  out["graph_captures"] = graphs.captures;
  out["graph_launches"] = graphs.launches;
  out["graph_refusals"] = graphs.refusals;
  return out;
}

// Folders in which packages of Python lie.
std::vector<std::string> python_folders() {
  const py::gil_scoped_acquire gil;
  std::vector<std::string> folders;
  for (const py::handle entry : py::module_::import("sys").attr("path"))
    if (py::isinstance<py::str>(entry) && py::len(entry) > 0) folders.push_back(entry.cast<std::string>());
  return folders;
}

}  // namespace

void bind_cuda(py::module_& m) {
  package_folders = python_folders;
  connect_devices();
  py::module_ cuda = m.def_submodule("_cuda");
  cuda.def("problem", &cuda::driver_problem);
  cuda.def("device_count", &cuda::device_count);
  cuda.def("driver_version", &cuda::driver_version);
  cuda.def("properties", properties);
  cuda.def("synchronize", [](int index) {
    Gpu& gpu = Gpu::at(index);
    const py::gil_scoped_release others;
    gpu.synchronize();
  });
  cuda.def("stream", [](int index) { return reinterpret_cast<uintptr_t>(Gpu::at(index).stream); });
  cuda.def("memory", memory);
  cuda.def("empty_cache", [](int index) { Gpu::at(index).memory.empty_cache(); });
  cuda.def("reset_peak", [](int index) { Gpu::at(index).memory.reset_peak(); });
  cuda.def("statistics", statistics);
  cuda.def("use_graphs", &cuda::use_graphs);
  cuda.def("graphs_used", &cuda::graphs_used);
  cuda.def("allow_tf32", &cuda::allow_tf32);
  cuda.def("tf32_allowed", &cuda::tf32_allowed);
  cuda.def("cublaslt_version", &cuda::cublaslt_version);
  cuda.def("cudnn_version", &cuda::cudnn::version);
  cuda.def("note_kernels", &note_gpu_kernels);
  cuda.def("compile_noted", &compile_noted_kernels, py::call_guard<py::gil_scoped_release>());
  py::class_<Event>(cuda, "Event")
      .def(py::init<int>())
      .def("record", &Event::record)
      .def("done", &Event::done)
      .def("synchronize", &Event::synchronize)
      .def("elapsed", &Event::elapsed);
}

}  // namespace tandem
