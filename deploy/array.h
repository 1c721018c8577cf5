// Tensors as models get and give them, on the host or on a GPU.
#pragma once
#include "ir/dtype.h"
#include "ir/sizes.h"
#include "runtime/device.h"
#include "runtime/storage.h"

namespace tandem::deploy {

// A tensor of the caller, of the model, or a result. Strides in elements. Memory without a storage is C's.
struct Array {
  DType dtype = DType::f32;
  Sizes sizes = {}, strides = {};
  StorageRef storage = {};
  void* data = nullptr;
  bool is_contiguous() const { return tandem::is_contiguous(sizes, strides); }
  Device device() const { return storage ? device_of(*storage) : Device{}; }
};

void copy_elements(const Array& from, void* to);  // row by row; both on the host
Array contiguous(const Array& x);                 // a copy on its device
// A copy on another device, or `x` itself if it is there.
Array on_device(const Array& x, Device device);
// to[i] = from[i], whose layout is the same, with what lies between the elements.
void copy_alike(const Array& from, const Array& to);

}  // namespace tandem::deploy
