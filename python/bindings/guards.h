// What a captured function read besides its tensor arguments, and how to see in some nanoseconds that it is unchanged.
//
// Guards of one dict (globals of a module, attributes of an object) or one class form a group: CPython counts versions
// of both, and while the version is the same nothing needs to be looked at.
#pragma once
#include <functional>

#include "python/bindings/bindings.h"

namespace tandem {

// Whether a value may be replaced by another one: the same object, or an equal number, string, bytes or dtype.
bool compared_by_value(py::handle value);
bool same_value(PyObject* a, PyObject* b);

// Where a value was read: owner[key] of a dict or list, a closure cell, or an attribute.
class Origin {
 public:
  explicit Origin(const py::tuple& description);  // (kind, owner, key, ..., text)
  py::object now() const;                         // null when there is none; never raises
  const std::string& text() const { return text_; }
  int visit(visitproc visit, void* arg) const;  // for the garbage collector

 private:
  friend class GuardSet;
  enum class Kind : uint8_t { item, element, cell, attribute } kind_;
  py::object owner_, key_;
  std::string text_;
};

class GuardSet {
 public:
  // (kind, owner, key, value, text) or (kind, owner, value, text) for cells and contents. Values for which `lifted` says
  // so are inputs of the program: they are not compared.
  GuardSet(const py::list& guards, const std::function<bool(py::handle)>& lifted);
  bool hold(std::string* reason) const;
  int visit(visitproc visit, void* arg) const;

 private:
  struct Guard {
    Origin place;
    py::object expected;
    bool by_value;
    bool holds() const;
  };
  struct Contents {
    enum class Kind : uint8_t { list, dict, set } kind;
    py::object container, expected;
    std::vector<bool> by_value, skipped;  // per item, in order
    std::string text;
    bool holds() const;
  };
  static bool failed(const Guard& guard, std::string* reason);
  static bool all_hold(const std::vector<Contents>& contents, std::string* reason);
  // Guards behind one version: `version` is that of the last check that held.
  struct Group {
    py::object owner;  // a dict, a class, or an object whose attributes lie in `dict`
    py::object dict;
    std::vector<Guard> guards;
    std::vector<Contents> contents;
    mutable uint64_t version = 0;
    uint64_t current() const;  // 0: unknown
    bool hold(std::string* reason) const;
  };
  Group& group_of(py::handle owner, py::handle dict);
  std::vector<Group> groups_;
  std::vector<Guard> others_;
  std::vector<Contents> contents_;
};

}  // namespace tandem
