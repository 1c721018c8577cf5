// Profiles and checks of results, as td.profiler and td.debug_nans use them.
#include "runtime/profile.h"

#include <map>
#include <unordered_map>

#include "frontend/checks.h"
#include "frontend/eager.h"
#include "python/bindings/bindings.h"

namespace tandem {

namespace {

// Origins of eager operations: one for each place in the user's code and operation. Guarded by the GIL, and kept as long
// as a profile is taken, so that no code object is freed whose address another one could get.
struct CallSite {
  PyCodeObject* code;
  int instruction;
  std::string_view operation;  // of the table, which lives as long as the process
  bool operator==(const CallSite&) const = default;
};
struct CallSiteHash {
  size_t operator()(const CallSite& site) const {
    const auto mix = [](size_t a, size_t b) { return (a ^ b) * 0x9E3779B97F4A7C15ull; };
    return mix(mix(reinterpret_cast<size_t>(site.code), static_cast<size_t>(site.instruction)) >> 7,
               std::hash<std::string_view>()(site.operation));
  }
};
struct CallSites {
  std::unordered_map<CallSite, OriginRef, CallSiteHash> origins;
  std::vector<py::object> codes;
};
CallSites& call_sites() {
  static auto* sites = new CallSites;
  return *sites;
}

OriginRef eager_origin_here(std::string_view operation) {
  if (PyGILState_Check() == 0) return nullptr;
  PyFrameObject* frame = user_frame();
  if (!frame) return nullptr;
  PyCodeObject* code = PyFrame_GetCode(frame);
  const CallSite site{code, PyFrame_GetLasti(frame), operation};
  CallSites& all = call_sites();
  OriginRef& origin = all.origins[site];
  if (origin) {
    Py_DECREF(code);
  } else {
    const SourceLoc line{py::handle(code->co_filename).cast<std::string>(), PyFrame_GetLineNumber(frame)};
    origin = std::make_shared<const StepOrigin>(StepOrigin{std::string(operation), {line}});
    all.codes.push_back(py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(code)));
  }
  Py_DECREF(frame);
  return origin;
}

std::string thread_name() {
  if (PyGILState_Check() == 0) return "";
  try {
    return py::module_::import("threading").attr("current_thread")().attr("name").cast<std::string>();
  } catch (py::error_already_set&) {
    return "thread";
  }
}

// A finished profile: what it knows is turned into Python objects when it is asked for.
class ProfileObject {
 public:
  explicit ProfileObject(Profile profile) : profile_(std::move(profile)) {}

  double seconds() const { return since(profile_.end); }
  const Profile& profile() const { return profile_; }

  // (kind, name, start, seconds, thread, read, written, memory, count, role, origin), the latter a key of `origins`.
  py::list events() const {
    py::list out;
    for_each([&](const ProfileEvent& event, const ThreadEvents& thread) {
      const std::string_view kind = to_text(event.kind);
      out.append(py::make_tuple(py::str(kind.data(), kind.size()),
                                event.origin ? event.origin->name : std::string(kind), since(event.start),
                                ticks(event.end - event.start), thread.thread, event.read, event.written, event.memory,
                                event.count, static_cast<int>(event.role), key(event.origin)));
    });
    return out;
  }

  // What is said about steps, by the key that events carry: (lines, weights, detail).
  py::dict origins() const {
    py::dict out;
    std::map<const StepOrigin*, bool> seen;
    for_each([&](const ProfileEvent& event, const ThreadEvents&) {
      if (!event.origin || !seen.emplace(event.origin.get(), true).second) return;
      py::list lines, weights;
      for (size_t i = 0; i < event.origin->sources.size(); ++i) {
        const SourceLoc& source = event.origin->sources[i];
        if (!source.known()) continue;
        lines.append(py::make_tuple(source.file, source.line));
        weights.append(i < event.origin->weights.size() ? event.origin->weights[i] : 1);
      }
      out[py::int_(key(event.origin))] = py::make_tuple(py::tuple(lines), py::tuple(weights), event.origin->detail);
    });
    return out;
  }

  // How often each kernel was launched, by its key.
  py::dict launches() const {
    py::dict out;
    for (const auto& [origin, count] : profile_.launches) out[py::int_(key(origin))] = count;
    return out;
  }

  py::dict threads() const {
    py::dict out;
    for (const ThreadEvents& thread : profile_.threads)
      out[py::int_(thread.thread)] = thread.name.empty() ? fmt::format("thread {}", thread.thread) : thread.name;
    return out;
  }

 private:
  double ticks(uint64_t count) const { return static_cast<double>(count) * profile_.seconds_per_tick; }
  double since(uint64_t time) const { return ticks(time - profile_.start); }
  static intptr_t key(const OriginRef& origin) { return reinterpret_cast<intptr_t>(origin.get()); }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const ThreadEvents& thread : profile_.threads)
      for (size_t i = thread.first; i < thread.last; ++i) {
        const ProfileEvent& event = thread.chunks[i / kEventsPerChunk]->events[i % kEventsPerChunk];
        if (event.start >= profile_.start && event.end <= profile_.end) visit(event, thread);
      }
  }

  Profile profile_;
};

}  // namespace

void bind_profile(py::module_& m) {
  eager_origin = eager_origin_here;
  set_thread_namer(thread_name);
  py::class_<ProfileObject>(m, "Profile", "What ran while a profile was taken.")
      .def("events", &ProfileObject::events)
      .def("origins", &ProfileObject::origins)
      .def("launches", &ProfileObject::launches)
      .def("threads", &ProfileObject::threads)
      .def_property_readonly("seconds", &ProfileObject::seconds)
      .def_property_readonly("dropped", [](const ProfileObject& self) { return self.profile().dropped; })
      .def_property_readonly("memory", [](const ProfileObject& self) {
        const Profile& profile = self.profile();
        return py::make_tuple(profile.memory_start, profile.memory_end, profile.memory_peak);
      });
  m.def("_profile_start", &start_profile, py::arg("capacity"), py::arg("every"));
  m.def("_profile_stop", [](uint64_t number) {
    settle_samples();  // while nothing else counts
    const Profile profile = [number] {
      py::gil_scoped_release release;
      return stop_profile(number);
    }();
    if (!profiling()) {
      CallSites gone;
      std::swap(gone, call_sites());  // destructors may run Python code
    }
    return ProfileObject(profile);
  });
  m.def("_profile_clock", &profile_start, "Return the time, or 0 while no profile is taken.");
  m.def(
      "_profile_capture",
      [](uint64_t start, std::string name, std::string reason) {
        record(EventKind::capture, start,
               std::make_shared<const StepOrigin>(StepOrigin{std::move(name), {}, {}, std::move(reason)}));
      },
      py::arg("start"), py::arg("name"), py::arg("reason"));
  m.def("_thread_checks", &set_thread_checks, py::arg("wanted"));
  m.def("_process_checks", &set_process_checks, py::arg("wanted"));
}

}  // namespace tandem
