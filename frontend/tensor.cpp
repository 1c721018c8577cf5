#include "frontend/tensor.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "frontend/autocast.h"
#include "frontend/checks.h"
#include "frontend/eager.h"
#include "frontend/recorder.h"
#include "frontend/tape.h"
#include "runtime/copy.h"
#include "runtime/cuda/copy.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/strided_copy.h"
#include "runtime/profile.h"

namespace tandem {

Tensor::Tensor(DType dtype, Sizes sizes, Sizes strides, StorageRef storage, void* data)
    : dtype(dtype), sizes(sizes), strides(strides), storage(std::move(storage)), data(data) {
  writable = this->storage && this->storage->writable;
  if (this->storage) this->device = device_of(*this->storage);
}

Tensor::Tensor(std::unique_ptr<Recorded> r) : dtype(r->type.dtype), recorded(std::move(r)) {}

TensorRef Tensor::empty(DType dtype, const Sizes& sizes, Device device) {
  int64_t bytes = 0;
  if (__builtin_mul_overflow(element_count(sizes), size_of(dtype), &bytes))
    throw_error(ErrorKind::memory, "tensor: got a size beyond 64 bits; need a smaller shape");
  StorageRef storage =
      is_cpu(device) ? allocate(static_cast<size_t>(bytes)) : allocate_on(device, static_cast<size_t>(bytes));
  void* data = storage->data;
  return std::make_shared<Tensor>(dtype, sizes, contiguous_strides(sizes), std::move(storage), data);
}

Extent extent_of(const Tensor& tensor) {
  const auto* data = static_cast<const char*>(tensor.data);
  if (!data) return {data, data};  // an example of a shape has no memory
  int64_t low = 0, high = 1;
  for (int k = 0; k < tensor.sizes.size(); ++k) {
    if (tensor.sizes[k] == 0) return {data, data};
    const int64_t reach = (tensor.sizes[k] - 1) * tensor.strides[k];
    (reach < 0 ? low : high) += reach;
  }
  return {data + low * size_of(tensor.dtype), data + high * size_of(tensor.dtype)};
}

bool Tensor::is_contiguous() const { return recorded || tandem::is_contiguous(sizes, strides); }

TensorType Tensor::type() const {
  if (recorded) {
    if (recorded->selection) throw_selection(*this);
    return recorded->type;
  }
  TensorType type{dtype, {}, {}};  // rules of types, and graphs, know no devices
  for (int64_t size : sizes) type.shape.emplace_back(size);
  return type;
}

namespace {

std::atomic<DType> default_float{DType::f32};

bool is_weak(const TensorRef& tensor) { return tensor->recorded && tensor->recorded->weak; }

TensorRef converted_inputs_call(const OpDef& op, std::vector<TensorRef> inputs, Attrs attrs) {
  if (Recorder* recorder = Recorder::current(); recorder && recorder->is_weak_result(op, inputs))
    return recorder->record(op, inputs, std::move(attrs));  // as Python computes with numbers
  if (op.name == "mean" &&
      !Recorder::current()) {  // no copy of the elements is made, which compiled code does not, either
    attrs.emplace_back(default_dtype());
    return call(tandem::op("mean_of_integers"), inputs, std::move(attrs));
  }
  // Only the promoted dtype counts: int + float is fine for an operation on floats.
  std::optional<DType> strong;
  for (const TensorRef& input : inputs)
    if (!is_weak(input)) strong = strong ? promote(*strong, input->dtype) : input->dtype;
  const DType common = strong.value_or(inputs[0]->dtype);
  if (!is_inexact(common))
    for (TensorRef& input : inputs) input = call("cast", {input}, {default_dtype()});
  else
    for (TensorRef& input : inputs)
      if (!is_inexact(input->dtype)) input = call("cast", {input}, {common});
  return call(op, inputs, std::move(attrs));
}

// All axes in reverse order, or the last two: that view, in memory.
TensorRef transposed(const TensorRef& of, bool all) {
  const Tensor& x = *of;
  Sizes sizes = x.sizes, strides = x.strides;
  for (int low = all ? 0 : x.rank() - 2, high = x.rank() - 1; low < high; ++low, --high) {
    std::swap(sizes[low], sizes[high]);
    std::swap(strides[low], strides[high]);
  }
  auto out = std::make_shared<Tensor>(x.dtype, sizes, strides, x.storage, x.data);
  out->writable = x.writable;
  out->base = x.base ? x.base : of;
  out->seen = out->base->writes;
  return out;
}

}  // namespace

DType default_dtype() { return default_float.load(std::memory_order_relaxed); }
void set_default_dtype(DType dtype) {
  if (dtype != DType::f32 && dtype != DType::f64)
    throw_error(ErrorKind::dtype, "set_default_dtype: got {}; need float32 or float64", info(dtype).name);
  default_float = dtype;
}

DType weak_result(DType tensor, Kind scalar) {
  if (info(tensor).kind >= scalar) return tensor;
  if (scalar == Kind::complex) return complex_type(is_floating(tensor) ? tensor : default_dtype());
  return scalar == Kind::floating ? default_dtype() : DType::i64;
}

TensorRef call(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  if (const auto low = Autocast::current()) [[unlikely]]
    if (const auto converted = autocast_inputs(op, inputs, *low); !converted.empty())
      return call(op, converted, std::move(attrs));
  // Formulas that are one view are that view, so that writes go through them.
  if (op.name == "transpose" && !attrs.empty() && !std::holds_alternative<std::monostate>(attrs[0]))
    return call("permute_dims", {inputs[0]}, std::move(attrs));
  if (op.name == "transpose" || op.name == "matrix_transpose") {
    const int rank = inputs[0]->rank();
    if (rank >= 2 && !inputs[0]->recorded && !Recorder::current() && !profiling() && !is_tracked(*inputs[0]))
      return transposed(inputs[0], op.name == "transpose");
    std::vector<Dim> axes;
    axes.reserve(static_cast<size_t>(rank));
    for (int k = 0; k < rank; ++k) axes.emplace_back(op.name == "transpose" ? rank - 1 - k : k);
    if (op.name == "matrix_transpose") {
      if (rank < 2)
        throw_error(ErrorKind::shape, "matrix_transpose: got the shape {}; need at least two axes",
                    to_text(inputs[0]->type().shape));
      std::swap(axes[static_cast<size_t>(rank) - 1], axes[static_cast<size_t>(rank) - 2]);
    }
    return call("permute_dims", {inputs[0]}, {axes});
  }
  if (op.accepts == Accepts::promote_to_float || op.accepts == Accepts::floating) {
    for (const TensorRef& input : inputs)
      if (!is_inexact(input->dtype) && op.accepts == Accepts::promote_to_float)
        return converted_inputs_call(op, {inputs.begin(), inputs.end()}, std::move(attrs));
  }
  if (Recorder* recorder = Recorder::current()) return recorder->record(op, inputs, std::move(attrs));
  for (const TensorRef& input : inputs)
    if (input->recorded) throw_leaked(op.name, *input);
  const unsigned wanted = result_checks();
  const bool taped = GradMode::enabled() &&
                     std::any_of(inputs.begin(), inputs.end(), [](const TensorRef& x) { return may_be_tracked(*x); });
  if (wanted == 0 && !taped) [[likely]]
    return run_eager(op, inputs, std::move(attrs));
  // On the tape, so that a gradient ends on the device of what it is of.
  if (taped && !on_same_device(inputs)) return call(op, on_one_device(op, inputs), std::move(attrs));
  TensorRef result = run_eager(op, inputs, attrs);
  if (wanted != 0) check_result(wanted, op, inputs, attrs, result);
  if (taped) tape_operation(op, inputs, attrs, result);
  return result;
}

TensorRef scalar_tensor(DType dtype, double value) {
  if (is_complex(dtype)) return scalar_tensor(dtype, std::complex<double>(value));
  TensorRef out = Tensor::empty(dtype, {});
  const int64_t bits = constant_bits_of(dtype, value);
  std::memcpy(out->data, &bits, static_cast<size_t>(size_of(dtype)));
  return out;
}

TensorRef scalar_tensor(DType dtype, std::complex<double> value) {
  check_internal(is_complex(dtype), "a complex number as {}", info(dtype).text);
  TensorRef out = Tensor::empty(dtype, {});
  const auto bytes = static_cast<size_t>(size_of(real_type(dtype)));
  const int64_t parts[] = {constant_bits_of(real_type(dtype), value.real()),
                           constant_bits_of(real_type(dtype), value.imag())};
  for (size_t k = 0; k < 2; ++k) std::memcpy(static_cast<char*>(out->data) + k * bytes, &parts[k], bytes);
  return out;
}

TensorRef scalar_tensor(DType dtype, int64_t value) {
  if (is_inexact(dtype)) return scalar_tensor(dtype, static_cast<double>(value));
  TensorRef out = Tensor::empty(dtype, {});
  if (dtype == DType::boolean) value = value != 0;
  std::memcpy(out->data, &value, static_cast<size_t>(size_of(dtype)));
  return out;
}

namespace {

void check_assignable(const Tensor& target, DType value, bool weak) {
  if (!target.recorded && !target.writable)
    throw_error(ErrorKind::value, "assignment: got a read-only tensor; need a writable one; try x.copy()");
  const Kind kind = info(value).kind;
  if (kind > info(target.dtype).kind && (!weak || kind >= Kind::floating))
    throw_error(ErrorKind::dtype,
                "assignment: got {} values for a {} tensor; need a cast that keeps the kind of number; "
                "try value.astype(td.{})",
                info(value).name, info(target.dtype).name, info(target.dtype).name);
}

}  // namespace

TensorRef assignable(const TensorRef& target, const TensorRef& value) {
  check_assignable(*target, value->dtype, is_weak(value));
  return value->dtype == target->dtype ? value : call("cast", {value}, {target->dtype});
}

void check_broadcast(const Shape& from, const Shape& to, ShapeEnv& env) {
  // NumPy drops leading axes of size 1 of what is assigned.
  size_t skipped = 0;
  while (from.size() - skipped > to.size() && env.equal(from[skipped], 1)) ++skipped;
  bool fits = from.size() - skipped <= to.size();
  for (size_t k = skipped; fits && k < from.size(); ++k) {
    const Dim want = to[to.size() - (from.size() - k)];
    fits = from[k].is(1) || env.equal(from[k], want) || (!from[k].is_constant() && env.equal(from[k], 1));
  }
  if (!fits)
    throw_error(ErrorKind::shape,
                "assignment: got values of shape {} for a place of shape {}; need a shape that "
                "broadcasts to it",
                to_text(from), to_text(to));
}

namespace {

// A copy that is no step of a program, for profiles.
class ProfiledCopy {
 public:
  ProfiledCopy(const char* name, const Tensor& x) : ProfiledCopy(name, element_count(x.sizes) * size_of(x.dtype)) {}

 private:
  ProfiledCopy(const char* name, int64_t bytes)
      : scope_(profiling() ? &source() : nullptr, origin, name, is_long_copy(bytes)) {
    scope_.read = scope_.written = bytes;
  }
  static EventSource& source() {
    static const auto* made = new auto(std::make_shared<EventSource>(EventKind::copy));
    return **made;
  }
  static OriginRef origin(const void* name) {
    return eager_origin ? eager_origin(static_cast<const char*>(name)) : nullptr;
  }

  ProfileScope scope_;
};

}  // namespace

// Both of one dtype, of the same sizes, on one device.
static void copy_elements(const Tensor& from, const Tensor& to) {
  if (is_cpu(from.device)) [[likely]]
    return copy_strided(size_of(to.dtype), to.rank(), to.sizes.begin(), from.data, from.strides.begin(), to.data,
                        to.strides.begin());
  cuda::copy_strided(cuda::Gpu::at(to.device.index), size_of(to.dtype), to.rank(), to.sizes.begin(), from.data,
                     from.strides.begin(), to.data, to.strides.begin());
}

void assign(const TensorRef& target, const TensorRef& value) {
  if (is_selection(*target) || is_selection(*value)) {
    check_assignable(*target, value->dtype, false);
    return Recorder::current()->assign_selection(target, value);
  }
  // What stands for a Python number is converted as one.
  check_assignable(*target, value->dtype, is_weak(value));
  if (target->recorded || value->recorded || Recorder::current()) {
    Recorder* recorder = Recorder::current();
    if (!recorder) throw_leaked("assignment", target->recorded ? *target : *value);
    recorder->assign(target, value);
    return;
  }
  if (value->data == target->data && value->device == target->device && value->dtype == target->dtype &&
      value->sizes == target->sizes && value->strides == target->strides)
    return;  // `x[i] += y` in Python ends with x[i] = x[i]
  TensorRef source = value;
  if (!(source->device == target->device)) [[unlikely]] {
    if (source->rank() > 0)
      throw_error(ErrorKind::backend,
                  "assignment: got values on {} for a tensor on {}; need both on one device; try value.to('{}')",
                  to_text(source->device), to_text(target->device), to_text(target->device));
    source = to_device(detached(source), target->device);
  }
  if (source->dtype != target->dtype) source = call("cast", {source}, {target->dtype});
  if (!(source->sizes == target->sizes)) {
    ShapeEnv none;
    check_broadcast(value->type().shape, target->type().shape, none);
    // NumPy drops leading axes of size 1 of the value.
    while (source->rank() > target->rank() && source->sizes[0] == 1)
      source = call("squeeze", {source}, {std::vector<Dim>{Dim(0)}});
    source = call("broadcast_to", {source}, {target->type().shape});
  }
  tape_assignment(target, value);
  changed(*target);
  const ProfiledCopy profile("assignment", *target);
  copy_elements(*source, *target);
}

TensorRef contiguous_copy(const TensorRef& x) {
  TensorRef out = Tensor::empty(x->dtype, x->sizes, x->device);
  const ProfiledCopy profile("copy", *x);
  copy_elements(*x, *out);
  return out;
}

TensorRef to_device(const TensorRef& x, Device device) {
  if (x->device == device) return x;
  if (x->recorded)
    throw_error(
        ErrorKind::capture,
        "to: got a {} tensor on {} and the device {} while the function is being captured; need one device, where a "
        "compiled function runs; try moving tensors before the call",
        to_text(x->type()), to_text(x->device), to_text(device));
  const bool taped = is_tracked(*x);
  if (taped && Recorder::current())
    throw_error(ErrorKind::capture,
                "to: got a tensor on {} that requires gradients and the device {} while a function is being captured; "
                "need one device, where a compiled function runs; try moving tensors before the call",
                to_text(x->device), to_text(device));
  const TensorRef dense = x->is_contiguous() ? x : contiguous_copy(x);
  TensorRef out = Tensor::empty(x->dtype, x->sizes, device);
  copy_bytes(device, out->data, x->device, dense->data,
             static_cast<size_t>(element_count(x->sizes) * size_of(x->dtype)));
  if (taped)
    tape_function("to", {&x, 1}, {&out, 1}, [from = x->device](std::span<const TensorRef> upstream) {
      return std::vector<TensorRef>{to_device(upstream[0], from)};
    });
  return out;
}

}  // namespace tandem
