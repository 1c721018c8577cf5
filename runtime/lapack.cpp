#include "runtime/lapack.h"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "ir/error.h"
#include "runtime/dylib.h"

namespace tandem::lapack {

namespace {

constexpr const char* kVariable = "TANDEM_LAPACK";

std::atomic<Finder> finder{nullptr};

// How a build of the library spells its names, and the width of its integers: Debian's and the reference; OpenBLAS with
// 64-bit integers; the builds inside the wheels of NumPy and SciPy.
struct Spelling {
  const char *prefix, *suffix;
  bool wide;
};
constexpr Spelling kSpellings[] = {{"", "", false}, {"", "64_", true}, {"scipy_", "64_", true}, {"scipy_", "", false}};

struct Library {
  std::optional<Dylib> file;
  Spelling spelling{};
  std::string reason;
  Functions<float> f32{};
  Functions<double> f64{};
  Functions<std::complex<float>> c64{};
  Functions<std::complex<double>> c128{};
  int (*get_threads)() = nullptr;
  void (*set_threads)(int) = nullptr;

  Library() {
    file.emplace(kVariable, std::initializer_list<const char*>{"libopenblas.so.0", "liblapack.so.3"});
    const char* chosen = std::getenv(kVariable);
    if (!*file && !(chosen && *chosen)) {
      const Finder find = finder.load();
      const std::string path = find ? find() : "";
      const std::string before = file->reason();
      if (!path.empty()) file.emplace(kVariable, std::initializer_list<const char*>{path.c_str()});
      if (!*file) reason = path.empty() ? before : before + "; " + file->reason();
    } else if (!*file) {
      reason = file->reason();
    }
    if (!*file) return;
    for (const Spelling& candidate : kSpellings) {
      spelling = candidate;
      if (fortran("sgetrf")) break;
    }
    const bool complete = bind(f32, "s", "orgqr", "syevd") && bind(f64, "d", "orgqr", "syevd") &&
                          bind(c64, "c", "ungqr", "heevd") && bind(c128, "z", "ungqr", "heevd");
    if (!complete) {
      reason = file->reason();
      return;
    }
    get_threads = reinterpret_cast<int (*)()>(plain("openblas_get_num_threads"));
    set_threads = reinterpret_cast<void (*)(int)>(plain("openblas_set_num_threads"));
  }

  void* plain(const std::string& name) { return file->find((spelling.prefix + name + spelling.suffix).c_str()); }
  void* fortran(const std::string& name) { return plain(name + "_"); }

  template <class T>
  bool bind(Functions<T>& f, const std::string& type, const char* orgqr, const char* syevd) {
    const auto one = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(fortran(type + name));
      return function != nullptr;
    };
    return one(f.potrf, "potrf") && one(f.getrf, "getrf") && one(f.getrs, "getrs") && one(f.getri, "getri") &&
           one(f.geqrf, "geqrf") && one(f.orgqr, orgqr) && one(f.gesdd, "gesdd") && one(f.syevd, syevd) &&
           one(f.geev, "geev");
  }
};

Library& library() {
  static auto* instance = new Library;
  return *instance;
}

const Library& loaded() {
  const Library& lib = library();
  if (!lib.reason.empty())
    throw_error(ErrorKind::backend,
                "linalg: got no LAPACK: {}; need one library with these functions; try `apt-get install "
                "libopenblas0-pthread` or `pip install numpy`",
                lib.reason);
  return lib;
}

// Of the calls in progress in all threads.
std::mutex serial_mutex;
int serial_calls = 0, threads_before = 0;

void restore_threads(const Library& lib) {
  if (threads_before > 1) lib.set_threads(threads_before);
}

// A forked child has none of the calls that other threads were in.
void keep_across_fork() {
  static const int registered = pthread_atfork([] { serial_mutex.lock(); }, [] { serial_mutex.unlock(); },
                                               [] {
                                                 if (std::exchange(serial_calls, 0) > 0) restore_threads(library());
                                                 serial_mutex.unlock();
                                               });
  check_internal(registered == 0, "pthread_atfork failed");
}

}  // namespace

template <>
const Functions<float>& functions() {
  return loaded().f32;
}
template <>
const Functions<double>& functions() {
  return loaded().f64;
}
template <>
const Functions<std::complex<float>>& functions() {
  return loaded().c64;
}
template <>
const Functions<std::complex<double>>& functions() {
  return loaded().c128;
}

bool has_wide_integers() { return library().spelling.wide; }

Serial::Serial() {
  const Library& lib = library();
  if (!lib.set_threads || !lib.get_threads) return;
  keep_across_fork();
  const std::lock_guard lock(serial_mutex);
  if (serial_calls++ > 0) return;
  threads_before = lib.get_threads();
  if (threads_before > 1) lib.set_threads(1);
}

Serial::~Serial() {
  const Library& lib = library();
  if (!lib.set_threads || !lib.get_threads) return;
  const std::lock_guard lock(serial_mutex);
  if (--serial_calls == 0) restore_threads(lib);
}

std::string description() {
  const Library& lib = library();
  if (!lib.reason.empty()) return "no LAPACK: " + lib.reason;
  return fmt::format("LAPACK {} ({}-bit integers)", lib.file->name(), lib.spelling.wide ? 64 : 32);
}

void set_finder(Finder chosen) { finder.store(chosen); }

}  // namespace tandem::lapack
