#include "python/bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  using namespace tandem;
  m.doc() = "The C++ core of Tandem.";
  m.attr("__version__") = TANDEM_VERSION;
  bind_errors(m);
  bind_dtypes(m);
  bind_tensor(m);
  bind_ops(m);
  bind_linalg(m);
  bind_autograd(m);
  bind_deploy(m);
  bind_interop(m);
  bind_dlpack(m);
  bind_cuda(m);
  bind_capture(m);
  bind_function(m);
  bind_exchange(m);
  bind_graphs(m);
  bind_profile(m);
}
