// Goes on training what export.py has saved, without Python: ./digits FOLDER STEPS
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <tandem.hpp>

constexpr std::int64_t kBatch = 64, kPixels = 8 * 8, kClasses = 10;

template <class T>
std::vector<T> numbers(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(path + " is missing; run export.py first");
  std::vector<T> found(static_cast<std::size_t>(file.tellg()) / sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(found.data()), static_cast<std::streamsize>(found.size() * sizeof(T)));
  return found;
}

double accuracy(tandem::Model& model, const std::vector<float>& images, const std::vector<std::int64_t>& labels) {
  const auto count = static_cast<std::int64_t>(labels.size());
  const tandem::Array scores = model("forward", tandem::view(images.data(), {count, 1, 8, 8}));
  std::int64_t right = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    const float* row = scores.data<float>() + k * kClasses;
    right += std::max_element(row, row + kClasses) - row == labels[static_cast<std::size_t>(k)];
  }
  return static_cast<double>(right) / static_cast<double>(count);
}

int main(int count, char** words) try {
  const std::string folder = count > 1 ? words[1] : "runs/deploy";
  const std::int64_t steps = count > 2 ? std::strtoll(words[2], nullptr, 10) : 100;
  tandem::Model model(folder + "/digits.tdm");
  const std::vector<float> images = numbers<float>(folder + "/images.f32");
  const std::vector<std::int64_t> labels = numbers<std::int64_t>(folder + "/labels.i64");
  std::printf("%s for %s\n", model.signature("step").c_str(), model.target().c_str());
  std::printf("accuracy %.4f\n", accuracy(model, images, labels));
  const auto all = static_cast<std::int64_t>(labels.size());
  for (std::int64_t k = 0; k < steps; ++k) {
    const std::int64_t start = k * kBatch % (all - kBatch);
    const tandem::Array loss = model("step", tandem::view(images.data() + start * kPixels, {kBatch, 1, 8, 8}),
                                     tandem::view(labels.data() + start, {kBatch}));
    std::printf("step %lld loss %a\n", static_cast<long long>(k), static_cast<double>(loss.item<float>()));
  }
  std::printf("accuracy %.4f\n", accuracy(model, images, labels));
  model.save(folder + "/tuned.tdm");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "digits: %s\n", error.what());
  return 1;
}
