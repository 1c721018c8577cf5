// The C interface (tandem.h): arrays and errors in and out, nothing thrown.
#define TD_BUILDING  // before what includes tandem.h
#include "deploy/api/tandem.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "deploy/model.h"
#include "runtime/parallel.h"

struct td_error {
  std::string message;
  td_error_kind kind;
};

struct td_model {
  std::shared_ptr<tandem::deploy::Model> model;
  std::vector<std::string> signatures;
};

namespace {

using namespace tandem;          // NOLINT: this file is the outside of all that
using namespace tandem::deploy;  // NOLINT

static_assert(static_cast<int>(DType::c128) == TD_COMPLEX128 && static_cast<int>(DType::f16) == TD_FLOAT16 &&
              static_cast<int>(DType::u64) == TD_UINT64 && kMaxRank == TD_MAX_RANK);

td_error_kind kind_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::shape:
    case ErrorKind::dtype:
    case ErrorKind::type:
    case ErrorKind::value:
    case ErrorKind::overflow: return TD_ERROR_ARGUMENT;
    case ErrorKind::index: return TD_ERROR_INDEX;
    case ErrorKind::serialization: return TD_ERROR_SERIALIZATION;
    case ErrorKind::memory: return TD_ERROR_MEMORY;
    case ErrorKind::backend: return TD_ERROR_BACKEND;
    default: return TD_ERROR_OTHER;
  }
}

td_error* out_of_memory() {
  static td_error error{"out of memory", TD_ERROR_MEMORY};
  return &error;
}

td_error* error_of(td_error_kind kind, const char* message) {
  try {
    return new td_error{message, kind};
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

// Runs `code`; what it throws becomes an error. `value`: what Error{value} stands for.
template <class Code>
td_error* guarded(Code&& code, td_error_kind value = TD_ERROR_ARGUMENT) {
  try {
    code();
    return nullptr;
  } catch (const Error& error) {
    return error_of(error.kind == ErrorKind::value ? value : kind_of(error.kind), error.what());
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& error) {
    return error_of(TD_ERROR_OTHER, error.what());
  }
}

void need(bool ok, const char* what) {
  if (!ok) throw_error(ErrorKind::value, "{}", what);
}

Array from_c(const td_array& given) {
  need(given.rank >= 0 && given.rank <= TD_MAX_RANK, "array: got a rank out of range; need 0 to 16");
  need(given.dtype >= TD_BOOL && given.dtype <= TD_COMPLEX128, "array: got a dtype that is none");
  Array array;
  array.dtype = static_cast<DType>(given.dtype);
  for (int k = 0; k < given.rank; ++k) {
    need(given.shape[k] >= 0, "array: got a negative size");
    array.sizes.push_back(given.shape[k]);
    array.strides.push_back(given.strides[k]);
  }
  need(given.data != nullptr || element_count(array.sizes) == 0, "array: got no data");
  array.data = given.data;
  return array;
}

td_array to_c(const Array& array) {
  td_array out{};
  out.data = array.data;
  out.dtype = static_cast<td_dtype>(array.dtype);
  out.rank = array.sizes.size();
  std::copy(array.sizes.begin(), array.sizes.end(), out.shape);
  std::copy(array.strides.begin(), array.strides.end(), out.strides);
  out.owner = StorageRef(array.storage).release();
  return out;
}

td_array to_c(const TensorType& type) {
  td_array out{};
  out.dtype = static_cast<td_dtype>(type.dtype);
  out.rank = type.rank();
  for (int k = 0; k < out.rank; ++k) {
    const Dim dim = type.shape[static_cast<size_t>(k)];
    out.shape[k] = dim.is_constant() ? dim.constant() : -1;
  }
  return out;
}

std::unique_ptr<td_model> wrapped(std::shared_ptr<Model> model) {
  auto made = std::make_unique<td_model>();
  for (size_t k = 0; k < model->method_count(); ++k) made->signatures.push_back(model->signature(k));
  made->model = std::move(model);
  return made;
}

size_t method_of(const td_model* model, int method) {
  need(method >= 0 && static_cast<size_t>(method) < model->model->method_count(), "method: got a number of none");
  return static_cast<size_t>(method);
}

bool is_method(const td_model* model, int method) {
  return method >= 0 && static_cast<size_t>(method) < model->model->method_count();
}

}  // namespace

extern "C" {

const char* td_error_message(const td_error* error) { return error ? error->message.c_str() : ""; }
td_error_kind td_error_kind_of(const td_error* error) { return error ? error->kind : TD_ERROR_OTHER; }
void td_error_free(td_error* error) {
  if (error != out_of_memory()) delete error;
}

td_error* td_model_load(const char* path, const td_load_options* options, td_model** model) {
  return guarded(
      [&] {
        *model = nullptr;
        LoadOptions wanted;
        if (options && options->target) wanted.target = options->target;
        if (options) wanted.verified = options->unverified == 0;
        *model = wrapped(Model::load(path, wanted)).release();
      },
      TD_ERROR_FILE);
}

void td_model_free(td_model* model) { delete model; }

td_error* td_model_save(const td_model* model, const char* path) {
  return guarded([&] { model->model->save(path); }, TD_ERROR_FILE);
}

const char* td_model_target(const td_model* model) { return model->model->target().c_str(); }
const char* td_model_manifest(const td_model* model) { return model->model->manifest().c_str(); }
size_t td_model_method_count(const td_model* model) { return model->model->method_count(); }
int td_model_find(const td_model* model, const char* method) { return model->model->find(method); }

const char* td_method_name(const td_model* model, int method) {
  return is_method(model, method) ? model->model->method(static_cast<size_t>(method)).name.c_str() : nullptr;
}
const char* td_method_signature(const td_model* model, int method) {
  return is_method(model, method) ? model->signatures[static_cast<size_t>(method)].c_str() : nullptr;
}
size_t td_method_argument_count(const td_model* model, int method) {
  return is_method(model, method) ? model->model->argument_count(static_cast<size_t>(method)) : 0;
}
size_t td_method_result_count(const td_model* model, int method) {
  return is_method(model, method) ? model->model->method(static_cast<size_t>(method)).outputs.size() : 0;
}

td_error* td_method_argument(const td_model* model, int method, size_t argument, td_array* type) {
  return guarded([&] {
    need(argument < model->model->argument_count(method_of(model, method)), "argument: got a number of none");
    *type = to_c(model->model->argument_type(static_cast<size_t>(method), argument));
  });
}
td_error* td_method_result(const td_model* model, int method, size_t result, td_array* type) {
  return guarded([&] {
    need(result < model->model->method(method_of(model, method)).outputs.size(), "result: got a number of none");
    *type = to_c(model->model->output_type(static_cast<size_t>(method), result));
  });
}
const char* td_method_argument_name(const td_model* model, int method, size_t argument) {
  if (argument >= td_method_argument_count(model, method)) return nullptr;
  return model->model->argument_name(static_cast<size_t>(method), argument).c_str();
}

td_error* td_model_run(td_model* model, int method, const td_array* arguments, size_t argument_count, td_array* results,
                       size_t result_count) {
  return guarded([&] {
    const Method& called = model->model->method(method_of(model, method));
    need(result_count == called.outputs.size(), "run: got another number of results than the method has");
    std::vector<Array> given, made(result_count);
    given.reserve(argument_count);
    for (size_t k = 0; k < argument_count; ++k) given.push_back(from_c(arguments[k]));
    model->model->run(static_cast<size_t>(method), given, made);
    for (Array& array : made) array = on_device(array, {});
    for (size_t k = 0; k < result_count; ++k) results[k] = to_c(made[k]);
  });
}

size_t td_model_state_count(const td_model* model) { return model->model->state().size(); }
const char* td_model_state_name(const td_model* model, size_t number) {
  return number < model->model->state().size() ? model->model->state()[number].name.c_str() : nullptr;
}
td_error* td_model_state(td_model* model, const char* name, td_array* array) {
  return guarded([&] {
    const Array* found = model->model->lend_state(name);
    if (!found) throw_error(ErrorKind::value, "state: got the name '{}'; need one of td_model_state_name", name);
    *array = to_c(*found);
  });
}

td_array td_array_of(void* data, td_dtype dtype, int32_t rank, const int64_t* shape) {
  td_array out{};
  out.data = data;
  out.dtype = dtype;
  out.rank = rank;
  uint64_t stride = 1;
  for (int32_t k = rank; k-- > 0;) {
    if (k >= TD_MAX_RANK) continue;  // refused when it is used
    out.shape[k] = shape[k];
    out.strides[k] = static_cast<int64_t>(stride);
    if (shape[k] > 0) stride *= static_cast<uint64_t>(shape[k]);
  }
  return out;
}

void td_array_release(td_array* array) {
  if (array->owner) const StorageRef given_back(static_cast<Storage*>(array->owner));
  *array = td_array{};
}

size_t td_dtype_size(td_dtype dtype) {
  return dtype >= TD_BOOL && dtype <= TD_COMPLEX128 ? static_cast<size_t>(size_of(static_cast<DType>(dtype))) : 0;
}

td_error* td_embedded_model(const td_embedded* parts, td_model** model) {
  static std::mutex mutex;
  static auto& known = *new std::map<const td_embedded*, std::unique_ptr<td_model>>;
  return guarded([&] {
    const std::lock_guard lock(mutex);
    std::unique_ptr<td_model>& made = known[parts];
    if (!made) made = wrapped(Model::embedded(*parts));
    *model = made.get();
  });
}

td_error* td_embedded_run(const td_embedded* parts, const td_array* arguments, size_t argument_count,
                          void* const* results, size_t result_count) {
  td_model* model = nullptr;
  if (td_error* error = td_embedded_model(parts, &model)) return error;
  return guarded([&] {
    std::vector<Array> given, made(result_count);
    for (size_t k = 0; k < argument_count; ++k) given.push_back(from_c(arguments[k]));
    need(result_count == model->model->method(0).outputs.size(), "run: got another number of results");
    model->model->run(0, given, made);
    for (size_t k = 0; k < result_count; ++k) copy_elements(made[k], results[k]);
  });
}

const char* td_version(void) { return TANDEM_VERSION; }
void td_set_num_threads(int threads) { set_num_threads(std::max(threads, 1)); }

}  // extern "C"
