// The DLPack protocol: its C structures, as exchanged through capsules named "dltensor" (before version 1) and
// "dltensor_versioned", and which dtypes are which.
#pragma once
#include <cstdint>
#include <optional>

#include "python/bindings/bindings.h"

// The names are those of the protocol.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {

enum DLDeviceType : int32_t { kDLCPU = 1, kDLCUDA = 2 };
enum DLDataTypeCode : uint8_t { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLComplex = 5, kDLBool = 6 };

struct DLDevice {
  DLDeviceType device_type;
  int32_t device_id;
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor* self);
};
struct DLPackVersion {
  uint32_t major;
  uint32_t minor;
};
enum DLPackFlags : uint64_t { kDLReadOnly = 1, kDLIsCopied = 2 };
struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor dl_tensor;
};
}
// NOLINTEND(readability-identifier-naming)

namespace tandem {

DLDataType dlpack_dtype(DType dtype);
std::optional<DType> dtype_of_dlpack(DLDataType type);
DLManagedTensorVersioned* managed_tensor(const TensorRef& x);  // shares its memory
TensorRef from_dlpack(py::handle source, std::optional<bool> copy);

}  // namespace tandem
