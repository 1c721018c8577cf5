#include "runtime/dnnl_primitive.h"

#include <string_view>

#include "ir/error.h"
#include "runtime/storage.h"

namespace tandem::dnnl {

namespace {

constexpr size_t kMostPlaces = 6;  // three operands, a bias, scratch memory

}  // namespace

const Api& api() {
  static const Api& instance = *new Api;
  return instance;
}

Handle engine() {
  static const Handle instance = [] {
    Handle made = nullptr;
    return api().loaded && api().engine_create(&made, kCpu, 0) == 0 ? made : nullptr;
  }();
  return instance;
}

Handle stream() {
  thread_local Scoped<&Api::stream_destroy> instance;
  if (!instance.get() && api().stream_create(instance.out(), engine(), kDefaultStream) != 0) return nullptr;
  return instance.get();
}

bool make_attributes(Attributes& attributes) {
  return api().attr_create(attributes.out()) == 0 &&
         api().attr_set_scratchpad_mode(attributes.get(), kUserScratchpad) == 0;
}

void Primitive::make(Handle description, bool reference) {
  *description_.out() = description;
  const char* name = nullptr;
  if (!description ||
      api().primitive_desc_query(description, kQueryImplementation, 0, static_cast<void*>(&name)) != 0 ||
      (!reference && std::string_view(name).find("ref") != std::string_view::npos))
    return;
  scratch_ = layout(kQueryScratchpad);
  scratch_bytes_ = scratch_ ? api().memory_desc_get_size(scratch_) : 0;
  Handle made = nullptr;
  if (api().primitive_create(&made, description) == 0) *primitive_.out() = made;
}

bool Primitive::run(std::span<const Place> places) const {
  check_internal(places.size() < kMostPlaces, "{} operands of a primitive", places.size());
  Memory memories[kMostPlaces];
  Argument arguments[kMostPlaces];
  int count = 0;
  const auto add = [&](int argument, const void* description, const void* data) {
    Memory& memory = memories[count];
    if (api().memory_create(memory.out(), description, engine(), const_cast<void*>(data)) != 0) return false;
    arguments[count++] = {argument, memory.get()};
    return true;
  };
  for (const Place& place : places)
    if (!add(place.argument, place.description, place.data)) return false;
  StorageRef scratch;
  if (scratch_bytes_ > 0) {
    scratch = allocate(scratch_bytes_);
    if (!add(kArgScratchpad, scratch_, scratch->data)) return false;
  }
  const Handle order = stream();
  return order && api().primitive_execute(primitive_.get(), order, count, arguments) == 0 &&
         api().stream_wait(order) == 0;
}

}  // namespace tandem::dnnl
