// Arrays in NumPy's files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once
#include <string>
#include <vector>

#include "deploy/api/tandem.hpp"

namespace tandem::npy {

struct File {
  td_dtype dtype;
  std::vector<std::int64_t> shape;
  std::vector<char> elements;  // row by row
};

// Throws std::runtime_error for what cannot be read.
File read(const std::string& path);
void write(const std::string& path, const td_array& array);

}  // namespace tandem::npy
