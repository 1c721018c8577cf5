// One compiled program of an annotated function: which calls it is good for, and how it is called.
#pragma once
#include <memory>

#include "frontend/sharing.h"
#include "python/bindings/guards.h"

namespace tandem {

// A list that stays on the stack while it is short.
template <class T, size_t Few>
class ShortList {
 public:
  void push_back(T value) {
    if (size_ < Few)
      few_[size_] = value;
    else
      more_.push_back(value);
    ++size_;
  }
  size_t size() const { return size_; }
  T operator[](size_t i) const {
    const bool together = size_ > Few && more_.size() == size_;
    if (i < Few && !together) return few_[i];
    return more_[together ? i : i - Few];
  }
  // All of them in one place.
  std::span<const T> span() {
    if (size_ <= Few) return {few_, size_};
    if (more_.size() != size_) more_.insert(more_.begin(), few_, few_ + Few);
    return more_;
  }

 private:
  T few_[Few];
  std::vector<T> more_;
  size_t size_ = 0;
};

// The arguments of a call as a list of leaves and a description of the containers around them.
struct Flat {
  ShortList<PyObject*, 24> leaves;     // borrowed
  ShortList<PyObject*, 4> containers;  // lists and dicts, in order
  ShortList<int64_t, 64> structure;
  Flat(PyObject* args, PyObject* kwargs);

 private:
  void add(PyObject* value);
  void add_dict(PyObject* dict);
};

struct SlotObject {  // stands for an output of the program in a returned tree
  int index;
};

// An argument that shares memory with others: it must lie as it did when the function was captured.
struct SharedPart {
  int leaf;
  Sizes sizes, strides;
  int64_t offset;  // in elements, from the first one of them all
  size_t same;     // the first part that is the same object
};

// Where an input comes from.
struct InputSource {
  enum class Kind : uint8_t { leaf, state, fixed, shared, gradient } kind = Kind::fixed;
  int leaf = -1;               // of the arguments: a tensor or a number; of a gradient: whose, by input
  std::vector<Origin> places;  // of a state: all must yield the same object
  py::object fixed;
  std::vector<SharedPart> parts;  // of shared memory: the arguments in it
  DType dtype = DType::f32;
  int64_t count = 0;  // its elements
};

// An integer that is a symbol of the program.
struct SymbolSource {
  int symbol;
  InputSource source;
};

// What a call does after the program has run: new values of attributes and the like.
struct Effect {
  enum class Kind : uint8_t {
    item,
    cell,
    attribute,
    remove_item,
    remove_attribute,
    list,
    dict,
    set,
    extend,
    add,
    argument,
    gradient
  } kind;
  py::object owner, key, value;
  int container = -1;
};

class Specialization {
 public:
  // `inputs`: one per input of the program, ("leaf", number), ("state", places), ("fixed", tensor), ("shared", numbers
  // of leaves, tensors) or ("grad", number of an input); `symbols`: pairs of a symbol's number and such a description; `effects`: (kind, owner, key, tree
  // of new values); `failures`: what exceptions do instead, by number.
  Specialization(std::shared_ptr<Executable> executable, const py::list& inputs, const py::list& symbols,
                 py::object output, const py::list& guards, const py::list& effects, py::list failures);

  ~Specialization();
  Specialization(const Specialization&) = delete;
  Specialization& operator=(const Specialization&) = delete;

  // What the first call looked like; to be told once.
  void remember(const Flat& flat);

  // The inputs of one call.
  struct Call {
    ShortList<Tensor*, 24> tensors;
    ShortList<PyObject*, 24> objects;  // what the tensors are in Python; null for numbers
    std::vector<py::object> held;
    std::vector<TensorRef> made;   // numbers, and vectors of shared memory
    std::vector<TensorRef> taped;  // the tensors, if gradients flow through the call
    const Flat* flat = nullptr;
    int64_t symbols[64];
  };
  bool matches(const Flat& flat, Call& call, std::string* reason) const;
  // Whether gradients flow to an input and the compiled program cannot say how. If it can, `run` will put its results on
  // the tape.
  bool needs_eager(Call& call) const;
  py::object run(const Flat& flat, Call& call) const;

  // The input that an argument is, or -1.
  int input_of(size_t leaf) const { return inputs_of_[leaf]; }
  bool has_structure(const Flat& flat) const;
  // An int or a float that this program was made for as a constant.
  const py::object& constant(size_t leaf) const { return others_[leaf]; }
  py::object failure(size_t number) const { return failures_[number]; }
  const std::shared_ptr<Executable>& executable() const { return executable_; }
  int visit(visitproc visit, void* arg) const;  // for the garbage collector

 private:
  bool prepare_taped(Call& call) const;
  bool match_leaves(const Flat& flat, std::string* reason) const;
  bool fetch_shared(const InputSource& source, const Flat& flat, Call& call, std::string* reason) const;
  bool fetch(const InputSource& source, const Flat& flat, Call& call, std::string* reason) const;
  bool fetch_symbol(const SymbolSource& source, const Flat& flat, Call& call, std::string* reason) const;
  py::object argument_of(const CapturedOutput& output, const Call& call) const;
  py::object wrapped(int index, const Call& call, std::span<const TensorRef> outputs) const;
  py::object unflatten(py::handle node, const Call& call, std::span<const TensorRef> outputs) const;
  void apply(const Effect& effect, const Flat& flat, const Call& call, std::span<const TensorRef> outputs) const;

  std::shared_ptr<Executable> executable_;
  std::vector<InputSource> inputs_;
  std::vector<SymbolSource> symbols_;
  py::object output_;
  py::list failures_;
  std::unique_ptr<GuardSet> guards_;
  std::vector<Effect> effects_;
  int single_ = -1;
  std::vector<int64_t> structure_;
  std::vector<int> inputs_of_;
  std::vector<char> constant_, by_value_;
  std::vector<py::object> others_;
};

using SpecializationRef = std::shared_ptr<Specialization>;

// The lists and dicts among the arguments of the compiled call that this thread is running.
py::list running_containers();
// What an exception in it does.
py::object running_failure(size_t number);

}  // namespace tandem
