// tandem-run: what is in a model, and what it makes of arrays in files.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "deploy/run/npy.h"

namespace {

constexpr const char* kUsage = R"(Usage: tandem-run MODEL.tdm [options]
Without --input it shows the methods and tensors of the model.

  --method NAME          the method to run; by default `forward`, or the only one
  --input [NAME=]X.npy   an argument, by name or in their order
  --output PREFIX        write the results to PREFIX0.npy, PREFIX1.npy ...
  --bench [SECONDS]      run it again and again, and print the median time (by default for one second)
  --threads N            how many to use
  --target NAME          x86-64-v2, x86-64-v3, x86-64-v4, aarch64, or interpreter
  --save PATH            write the model with its tensors as they are afterwards
)";

struct Options {
  std::string model, method, output, save, target;
  std::vector<std::string> inputs;
  double bench = 0;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "tandem-run: %s\n", what.c_str());
  std::exit(2);
}

Options read_options(int count, char** words) {
  Options options;
  for (int k = 1; k < count; ++k) {
    const std::string word = words[k];
    const auto next = [&]() -> std::string {
      if (++k >= count) fail("got " + word + " at the end; need a value behind it");
      return words[k];
    };
    if (word == "--method") {
      options.method = next();
    } else if (word == "--input") {
      options.inputs.push_back(next());
    } else if (word == "--output") {
      options.output = next();
    } else if (word == "--save") {
      options.save = next();
    } else if (word == "--target") {
      options.target = next();
    } else if (word == "--threads") {
      td_set_num_threads(static_cast<int>(std::strtol(next().c_str(), nullptr, 10)));
    } else if (word == "--bench") {
      options.bench = 1;
      char* end = nullptr;
      if (k + 1 < count && words[k + 1][0] != '-')
        if (const double seconds = std::strtod(words[k + 1], &end); *end == '\0' && seconds > 0)
          options.bench = seconds, ++k;
    } else if (word == "--help" || word == "-h") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    } else if (word.rfind("--", 0) == 0 || !options.model.empty()) {
      fail("got " + word + "; need what --help shows");
    } else {
      options.model = word;
    }
  }
  if (options.model.empty()) fail("got no model; need the path of a .tdm file; try --help");
  return options;
}

void show(tandem::Model& model) {
  std::printf("runs as %s\n", model.target().c_str());
  for (const std::string& name : model.methods()) std::printf("  %s\n", model.signature(name).c_str());
  for (const std::string& name : model.state_names()) {
    const tandem::Array array = model.state(name);
    std::string shape;
    for (const auto size : array.shape()) shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    std::printf("  tensor %s [%s]\n", name.c_str(), shape.c_str());
  }
}

class Arguments {
 public:
  Arguments(const td_model* model, int method, const std::vector<std::string>& inputs) {
    const size_t count = td_method_argument_count(model, method);
    if (inputs.size() != count)
      fail("got " + std::to_string(inputs.size()) + " inputs; need " + std::to_string(count) + ": " +
           td_method_signature(model, method));
    files_.resize(count);
    std::vector<bool> given(count, false);
    for (const std::string& input : inputs) {
      size_t place = std::find(given.begin(), given.end(), false) - given.begin();
      std::string path = input;
      for (size_t k = 0; k < count; ++k)
        if (const std::string start = std::string(td_method_argument_name(model, method, k)) + "=";
            input.rfind(start, 0) == 0)
          place = k, path = input.substr(start.size());
      if (given[place]) fail("got the input " + input + " twice");
      given[place] = true;
      files_[place] = tandem::npy::read(path);
    }
    for (size_t k = 0; k < count; ++k) {
      td_array wanted{};
      tandem::check(td_method_argument(model, method, k, &wanted));
      tandem::npy::File& file = files_[k];
      if (wanted.dtype == TD_BFLOAT16 && td_dtype_size(file.dtype) == 2) file.dtype = TD_BFLOAT16;
      arrays_.push_back(
          td_array_of(file.elements.data(), file.dtype, static_cast<int32_t>(file.shape.size()), file.shape.data()));
    }
  }
  const std::vector<td_array>& arrays() const { return arrays_; }

 private:
  std::vector<tandem::npy::File> files_;
  std::vector<td_array> arrays_;
};

std::vector<tandem::Array> run(tandem::Model& model, int method, const Arguments& arguments) {
  std::vector<td_array> made(td_method_result_count(model.get(), method));
  tandem::check(td_model_run(model.get(), method, arguments.arrays().data(), arguments.arrays().size(), made.data(),
                             made.size()));
  std::vector<tandem::Array> results;
  results.reserve(made.size());
  for (const td_array& array : made) results.emplace_back(array);
  return results;
}

void bench(tandem::Model& model, int method, const Arguments& arguments, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  const auto start = Clock::now();
  while (std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
    const auto before = Clock::now();
    run(model, method, arguments);
    times.push_back(std::chrono::duration<double>(Clock::now() - before).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%zu runs, median %.3f us, fastest %.3f us\n", times.size(), times[times.size() / 2] * 1e6,
              times.front() * 1e6);
}

}  // namespace

int main(int count, char** words) {
  const Options options = read_options(count, words);
  try {
    const auto start = std::chrono::steady_clock::now();
    const td_load_options how{options.target.empty() ? nullptr : options.target.c_str(), 0};
    tandem::Model model(options.model, how);
    const double loading = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (model.target() == "interpreter")
      std::fputs("tandem-run: no code in the file fits this machine: it is interpreted, slowly\n", stderr);
    std::string name = options.method;
    if (name.empty()) name = td_model_find(model.get(), "forward") >= 0 ? "forward" : model.methods().front();
    const int method = td_model_find(model.get(), name.c_str());
    if (method < 0) fail("got the method " + name + ", which the model does not have");
    if (options.inputs.empty() && td_method_argument_count(model.get(), method) > 0) {
      show(model);
      return 0;
    }
    const Arguments arguments(model.get(), method, options.inputs);
    const std::vector<tandem::Array> results = run(model, method, arguments);
    for (size_t k = 0; k < results.size(); ++k) {
      std::string shape;
      for (const auto size : results[k].shape()) shape += (shape.empty() ? "" : ", ") + std::to_string(size);
      std::printf("result %zu [%s]\n", k, shape.c_str());
      if (!options.output.empty()) tandem::npy::write(options.output + std::to_string(k) + ".npy", results[k].get());
    }
    if (options.bench > 0) {
      std::printf("loaded in %.3f ms for %s\n", loading * 1e3, model.target().c_str());
      bench(model, method, arguments, options.bench);
    }
    if (!options.save.empty()) model.save(options.save);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tandem-run: %s\n", error.what());
    return 1;
  }
  return 0;
}
