#include "runtime/cache.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/runtime/fork.h"

using namespace tandem;
namespace fs = std::filesystem;

namespace {

class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (old_)
      ::setenv(name_, old_->c_str(), 1);
    else
      ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "tandem-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    variable_.emplace("TANDEM_CACHE_DIR", path() + "/a/b");
  }
  ~Folder() { fs::remove_all(path_); }
  std::string path() const { return path_.string(); }
  fs::path only_file() const {
    for (const auto& entry : fs::recursive_directory_iterator(path_))
      if (entry.is_regular_file()) return entry.path();
    return {};
  }
  int files() const {
    int count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path_)) count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

 private:
  fs::path path_;
  std::optional<Variable> variable_;
};

std::string read(const CacheKey& key) {
  const auto blob = cache_read(key);
  return blob ? std::string(blob->begin(), blob->end()) : "(miss)";
}

}  // namespace

TEST_CASE("the hash tells inputs apart") {
  std::set<std::string> seen;
  std::string text;
  for (int i = 0; i < 300; ++i) {
    REQUIRE(seen.insert(hash128(text).hex()).second);  // zeros of every length
    text += '\0';
  }
  const std::string base(100, 'x');
  for (size_t bit = 0; bit < base.size() * 8; ++bit) {
    std::string changed = base;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE(seen.insert(hash128(changed).hex()).second);
  }
  CHECK(hash128("abc") == hash128(std::string("abc")));
  CHECK(hash128("abc").hex().size() == 32);
}

TEST_CASE("one input bit changes half of the hash") {
  int64_t changed = 0, trials = 0;
  for (size_t length = 1; length < 70; ++length) {
    std::string text(length, 'k');
    const CacheKey before = hash128(text);
    for (size_t bit = 0; bit < length * 8; bit += 5, ++trials) {
      std::string other = text;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
      const CacheKey after = hash128(other);
      for (size_t word = 0; word < 2; ++word) {
        const int flips = __builtin_popcountll(before.words[word] ^ after.words[word]);
        REQUIRE(flips >= 8);
        REQUIRE(flips <= 56);
        changed += flips;
      }
    }
  }
  CHECK(static_cast<double>(changed) / static_cast<double>(trials) == Approx(64).margin(0.5));
}

TEST_CASE("what is written is read back") {
  const Folder folder;
  const CacheStats before = cache_stats();
  const CacheKey key = hash128("kernel");
  CHECK(read(key) == "(miss)");
  cache_write(key, "object code");
  CHECK(read(key) == "object code");
  cache_write(key, "newer");
  CHECK(read(key) == "newer");
  cache_write(hash128("empty"), "");
  CHECK(read(hash128("empty")).empty());
  const CacheStats after = cache_stats();
  CHECK(after.reads == before.reads + 4);
  CHECK(after.hits == before.hits + 3);
  CHECK(after.writes == before.writes + 3);
  CHECK(after.corrupt == before.corrupt);
  CHECK(after.failures == before.failures);
  CHECK(folder.files() == 2);
  CHECK((fs::status(cache_folder()).permissions() & fs::perms::all) == fs::perms::owner_all);
  cache_clear_disk();
  CHECK(folder.files() == 0);
  CHECK(read(key) == "(miss)");
}

TEST_CASE("any damage is a miss, is counted, and goes away") {
  const Folder folder;
  const CacheKey key = hash128("kernel");
  const std::string blob = "object code of a kernel";
  cache_write(key, blob);
  const fs::path path = folder.only_file();
  const auto size = fs::file_size(path);
  const auto damage = [&](const std::string& contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(contents.data(), static_cast<std::streamsize>(contents.size()));
  };
  std::string whole(size, '\0');
  std::ifstream(path, std::ios::binary).read(whole.data(), static_cast<std::streamsize>(size));
  for (size_t i = 0; i < size; ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    damage(flipped);
    const int64_t before = cache_stats().corrupt;
    INFO("byte " << i);
    REQUIRE(read(key) == "(miss)");
    REQUIRE(cache_stats().corrupt == before + 1);
    REQUIRE(!fs::exists(path));
    damage(whole.substr(0, i));
    REQUIRE(read(key) == "(miss)");
  }
  damage(whole + "x");
  CHECK(read(key) == "(miss)");
  cache_write(key, blob);
  const CacheKey other = hash128("other");
  fs::rename(path, fs::path(cache_folder()) / (other.hex() + ".kernel"));  // right contents under a wrong name
  CHECK(read(other) == "(miss)");
}

TEST_CASE("the least recently used entries make room") {
  const Folder folder;
  const std::string blob(1000, 'x');
  for (int i = 0; i < 30; ++i) cache_write(hash128(std::to_string(i)), blob);
  for (int i = 0; i < 30; ++i) {  // distinct times, the first one is the freshest
    const fs::path path = fs::path(cache_folder()) / (hash128(std::to_string(i)).hex() + ".kernel");
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::minutes(100 + i));
  }
  CHECK(read(hash128("29")) == blob);  // reading makes the oldest the most recently used
  const Variable cap("TANDEM_CACHE_SIZE", "20000");
  cache_trim_disk();
  CHECK(folder.files() <= 20000 / 1048);
  CHECK(folder.files() >= 14);
  CHECK(read(hash128("29")) == blob);
  CHECK(read(hash128("0")) == blob);
  CHECK(read(hash128("28")) == "(miss)");
}

TEST_CASE("the cap is applied while writing") {
  const Folder folder;
  const Variable cap("TANDEM_CACHE_SIZE", "20000");
  for (int i = 0; i < 200; ++i) cache_write(hash128(std::to_string(i)), std::string(1000, 'x'));
  CHECK(folder.files() < 20 + 64 + 2);
}

TEST_CASE("an unusable folder turns the cache off, quietly but counted") {
  const Folder folder;
  const CacheKey key = hash128("kernel");
  {
    const Variable off("TANDEM_CACHE_DIR", "");
    const int64_t failures = cache_stats().failures;
    cache_write(key, "x");
    CHECK(read(key) == "(miss)");
    CHECK(cache_stats().failures == failures);
  }
  {
    const Variable file("TANDEM_CACHE_DIR", "/proc/self/no/such");
    const int64_t failures = cache_stats().failures;
    cache_write(key, "x");
    CHECK(read(key) == "(miss)");
    CHECK(cache_stats().failures > failures);
  }
  {  // where others could plant code, none is read
    fs::create_directories(cache_folder());
    cache_write(key, "x");
    CHECK(read(key) == "x");
    fs::permissions(cache_folder(), fs::perms::all);
    const int64_t failures = cache_stats().failures;
    CHECK(read(key) == "(miss)");
    cache_write(key, "y");
    CHECK(cache_stats().failures > failures);
  }
}

TEST_CASE("the folder follows the environment") {
  const Variable none("TANDEM_CACHE_DIR", "/chosen");
  CHECK(cache_folder() == "/chosen");
  ::unsetenv("TANDEM_CACHE_DIR");
  const Variable xdg("XDG_CACHE_HOME", "/xdg");
  CHECK(cache_folder() == "/xdg/tandem");
  ::unsetenv("XDG_CACHE_HOME");
  const Variable home("HOME", "/home/someone");
  CHECK(cache_folder() == "/home/someone/.cache/tandem");
}

TEST_CASE("many processes and threads share one folder") {
  const Folder folder;
  const auto work = [](unsigned seed) {
    for (unsigned i = 0; i < 300; ++i) {
      const std::string text = std::to_string((i * 7 + seed) % 50);
      const std::string blob = text + std::string(2000, 'b');
      cache_write(hash128(text), blob);
      const auto found = cache_read(hash128(text));
      if (!found || std::string(found->begin(), found->end()) != blob) return 1;
    }
    return cache_stats().corrupt == 0 ? 0 : 2;
  };
  const int64_t corrupt = cache_stats().corrupt;
  const Child child([&] { return work(1) == 1 || cache_stats().corrupt != corrupt ? 1 : 0; });
  std::thread other([&] { work(3); });
  CHECK(work(2) != 1);
  other.join();
  CHECK(child.wait() == 0);
  CHECK(cache_stats().corrupt == corrupt);
  CHECK(folder.files() == 50);
}
