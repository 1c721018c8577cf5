// What planning a program makes, apart from the order of steps: slots, sizes, kernels. Regions of control flow share it.
#pragma once
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "codegen/plan.h"

namespace tandem {

class ProgramBuilder {
 public:
  ProgramBuilder(std::span<const int64_t> hints, Backend& backend, const PlanOptions& options, std::stop_token stop);
  int new_slot(DType dtype, const Shape& shape) {
    Slot slot{dtype, {}};
    for (const Dim& d : shape) slot.shape.push_back(dim(d));
    program->slots.push_back(std::move(slot));
    return static_cast<int>(program->slots.size()) - 1;
  }
  DimRef dim(Dim value) {
    const auto [it, inserted] = dims_.try_emplace(value, static_cast<DimRef>(program->dims.size()));
    if (inserted) program->dims.push_back(value);
    return it->second;
  }
  std::vector<DimRef> dims(const Shape& shape) {
    std::vector<DimRef> out;
    for (const Dim& d : shape) out.push_back(dim(d));
    return out;
  }
  View view(const Place& place, const Shape& shape) {
    return {place.slot, dim(place.layout.offset), dims(shape), dims(place.layout.strides)};
  }
  void launch(LoweredKernel lowered, Block& block);
  void compile();
  bool on_cpu() const { return is_cpu(options_.device); }
  int64_t hint(Dim value) const {
    if (value.is_constant()) return value.constant();
    return value.symbol_count() <= static_cast<int>(hints.size()) ? value.evaluate(hints.data()) : 1024;
  }
  std::span<const int64_t> hints;
  Plan plan;
  std::shared_ptr<Program> program = std::make_shared<Program>();
  std::vector<SharePair> shareable;
  std::vector<std::vector<RowsOf>> rows_of;  // by kernel
  std::vector<Place> inputs;                 // of the program

 private:
  void check_stop() const {
    if (stop_.stop_requested()) throw Stopped{};
  }
  std::string message(const LoweredKernel::Check& check);

  // An output may be written over an input when every element of the input is read at the place, and not later than,
  // it is written at.
  void note_shareable(const LoweredKernel& lowered, int kernel);
  struct DimHash {
    size_t operator()(const Dim& d) const { return d.hash(); }
  };
  Backend& backend_;
  const PlanOptions& options_;
  std::stop_token stop_;
  std::vector<std::shared_ptr<KernelCode>> codes_;  // those of `program`, which sees them as constants
  std::unordered_map<Dim, DimRef, DimHash> dims_;
};

}  // namespace tandem
