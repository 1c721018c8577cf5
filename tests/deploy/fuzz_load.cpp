// libFuzzer target: no bytes whatsoever may crash the readers of saved models. The first byte chooses the reader. Built
// with -DTANDEM_FUZZ=ON by clang; see tests/CMakeLists.txt.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "deploy/model.h"
#include "deploy/weights.h"
#include "ir/error.h"
#include "runtime/cuda/strided_copy.h"
#include "runtime/native_kernel.h"
#include "runtime/object.h"
#include "runtime/pack.h"

using namespace tandem;
using namespace tandem::deploy;

namespace {

void load(std::string_view bytes) {
  const int file = ::memfd_create("model", 0);
  if (file < 0 || ::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) ::abort();
  try {
    LoadOptions options;
    options.target = "interpreter";
    options.verified = false;
    Model::load("/proc/self/fd/" + std::to_string(file), options);
  } catch (const Error&) {}
  ::close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 8) {
      case 0: load(bytes); break;
      case 1: read_weights(bytes); break;
      case 2: read_kernels(bytes, kVersion); break;
      case 3: {
        Method method = read_method(bytes, kVersion);
        method.program.host.resize(method.host.size());
        const auto none = std::make_shared<KernelCode>();
        struct Nothing final : CompiledKernel {
          void run(int64_t, int64_t, void* const*, const int64_t*, void*, int64_t*) const override {}
        };
        none->code = std::make_shared<Nothing>();
        method.program.kernels.assign(method.kernels.size(), none);
        check(method);
        break;
      }
      case 4: {
        static const Kernel kernel = cuda::copy_kernel_of(4, 3);
        int64_t values[16] = {5, 7, 3};
        launch_of(read_device_kernel(bytes, kernel, kVersion).rule, values);
        break;
      }
      case 5: LoadedObject::load(bytes, kEntryPoint); break;
      case 6: Pack(std::string(bytes)).find(CacheKey{{0, 0}}); break;
      default:
        for (const auto& [name, entry] : read_zip(bytes)) verify_checksum(name, entry);
    }
  } catch (const Error&) {}
  return 0;
}
