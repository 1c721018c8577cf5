/* Tandem's runtime: models that Python has saved (`td.save(model, "model.tdm", args)`), without Python.

     td_model* model = NULL;
     td_error* error = td_model_load("model.tdm", NULL, &model);
     if (error) { fprintf(stderr, "%s\n", td_error_message(error)); td_error_free(error); return 1; }

     float x[3 * 64], *y;
     int64_t shape[] = {3, 64};
     td_array input = td_array_of(x, TD_FLOAT32, 2, shape), output;
     error = td_model_run(model, td_model_find(model, "forward"), &input, 1, &output, 1);
     ...                                             output.data, output.rank, output.shape
     td_array_release(&output);
     td_model_free(model);

   Functions that may fail return an error, or NULL. All of them may be called from many threads at once, with one model
   as with several; only freeing a model that is in use is the caller's fault. A file holds machine code: load what you
   trust, like a library. */
#ifndef TANDEM_H
#define TANDEM_H

#include <stddef.h>
#include <stdint.h>

#if defined(TD_BUILDING)
#define TD_API __attribute__((visibility("default")))
#else
#define TD_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct td_model td_model;
typedef struct td_error td_error;

typedef enum td_dtype {
  TD_BOOL,
  TD_INT8,
  TD_UINT8,
  TD_INT16,
  TD_UINT16,
  TD_INT32,
  TD_UINT32,
  TD_INT64,
  TD_UINT64,
  TD_FLOAT16,
  TD_BFLOAT16,
  TD_FLOAT32,
  TD_FLOAT64,
  TD_COMPLEX64,
  TD_COMPLEX128
} td_dtype;

#define TD_MAX_RANK 16

/* Elements in memory. Strides count elements. `owner` keeps the memory of results alive; it is NULL for the caller's. */
typedef struct td_array {
  void* data;
  td_dtype dtype;
  int32_t rank;
  int64_t shape[TD_MAX_RANK];
  int64_t strides[TD_MAX_RANK];
  void* owner;
} td_array;

/* ---- errors -------------------------------------------------------------------------------------------------------- */

typedef enum td_error_kind {
  TD_ERROR_OTHER,
  TD_ERROR_ARGUMENT,      /* a number of arguments, a name, a shape or a dtype that does not fit */
  TD_ERROR_INDEX,         /* an index that the model computed or got is out of range */
  TD_ERROR_FILE,          /* no such file, or it cannot be written */
  TD_ERROR_SERIALIZATION, /* the file is damaged, or of another version */
  TD_ERROR_MEMORY,
  TD_ERROR_BACKEND /* no code for this machine, or a library is missing */
} td_error_kind;

TD_API const char* td_error_message(const td_error* error);
TD_API td_error_kind td_error_kind_of(const td_error* error);
TD_API void td_error_free(td_error* error); /* of NULL: nothing */

/* ---- models -------------------------------------------------------------------------------------------------------- */

typedef struct td_load_options {
  /* NULL: the best that the CPU runs; "cuda" or "cuda:1": the best that this GPU runs; "interpreter"; or the name of what
     the file has code for. */
  const char* target;
  int unverified; /* true: the file is not compared with its checksums, and large weights are read when used */
} td_load_options;

TD_API td_error* td_model_load(const char* path, const td_load_options* options, td_model** model);
TD_API void td_model_free(td_model* model); /* results stay good */
/* Writes the file again with the tensors as they are now. */
TD_API td_error* td_model_save(const td_model* model, const char* path);
/* "x86-64-v4", "sm_90", or "interpreter" where no code fits the machine: slow, with the same results. */
TD_API const char* td_model_target(const td_model* model);
TD_API const char* td_model_manifest(const td_model* model); /* JSON */

TD_API size_t td_model_method_count(const td_model* model);
TD_API int td_model_find(const td_model* model, const char* method); /* its number, or -1 */
TD_API const char* td_method_name(const td_model* model, int method);
TD_API const char* td_method_signature(const td_model* model, int method); /* "forward(x: float32[N, 64]) -> ..." */
TD_API size_t td_method_argument_count(const td_model* model, int method);
TD_API size_t td_method_result_count(const td_model* model, int method);
/* What an argument or a result is like: a size that differs from call to call is -1. `data` is NULL. */
TD_API td_error* td_method_argument(const td_model* model, int method, size_t argument, td_array* type);
TD_API td_error* td_method_result(const td_model* model, int method, size_t result, td_array* type);
TD_API const char* td_method_argument_name(const td_model* model, int method, size_t argument);

/* Runs a method. The results are to be released; what is behind them before is not looked at. A result may be memory of
   an argument or of the model. Methods that write to tensors of the model (training steps, random numbers) run one at a
   time. Of a model on a GPU, too, arguments and results are memory of the host, and what fails there is an error here. */
TD_API td_error* td_model_run(td_model* model, int method, const td_array* arguments, size_t argument_count,
                              td_array* results, size_t result_count);

/* ---- tensors of the model: parameters, running statistics, states of optimizers ------------------------------------ */

TD_API size_t td_model_state_count(const td_model* model);
TD_API const char* td_model_state_name(const td_model* model, size_t number);
/* The tensor itself, to be released; it can be read and written while no method runs. Of a model on a GPU it is a copy on
   the host, which every method that runs before it is released reads from and, if it writes to the tensor, writes to. */
TD_API td_error* td_model_state(td_model* model, const char* name, td_array* array);

/* ---- arrays -------------------------------------------------------------------------------------------------------- */

/* The caller's elements, row by row. */
TD_API td_array td_array_of(void* data, td_dtype dtype, int32_t rank, const int64_t* shape);
TD_API void td_array_release(td_array* array);
TD_API size_t td_dtype_size(td_dtype dtype); /* bytes; 0 for what is none */

/* ---- models that are part of the program: what td.aot writes and its header uses ------------------------------------ */

typedef void (*td_kernel)(int64_t, int64_t, void* const*, const int64_t*, void*, int64_t*);
typedef struct td_bytes {
  void* data;
  size_t size;
} td_bytes;
typedef struct td_embedded {
  const char* target;
  td_bytes method, kernels, weights;
  const td_kernel* functions;
} td_embedded;

/* The model, which is made once and is not to be freed. */
TD_API td_error* td_embedded_model(const td_embedded* parts, td_model** model);
/* Runs its method, and copies the results, row by row, to `results[k]`. */
TD_API td_error* td_embedded_run(const td_embedded* parts, const td_array* arguments, size_t argument_count,
                                 void* const* results, size_t result_count);

/* ---- the process --------------------------------------------------------------------------------------------------- */

TD_API const char* td_version(void);
TD_API void td_set_num_threads(int threads);

#ifdef __cplusplus
}
#endif
#endif
