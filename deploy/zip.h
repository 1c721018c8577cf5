// Zip files whose entries are stored as they are, so that they can be used where they lie in a mapped file.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/storage.h"

namespace tandem::deploy {

// A file in memory, privately: what is written to it changes no file.
class MappedFile {
 public:
  // Throws Error{value} when there is no such file, Error{serialization} when it cannot be mapped.
  static std::shared_ptr<MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::string_view bytes() const { return {data_, size_}; }
  char* data() { return data_; }

 private:
  MappedFile(char* data, size_t size) : data_(data), size_(size) {}
  char* data_;
  size_t size_;
};

struct ZipEntry {
  std::string_view bytes;
  size_t header;     // where its own header is in the file
  size_t directory;  // and its entry of the directory
  uint32_t checksum;
};

// The entries by name. Throws Error{serialization} on whatever is no zip file, is cut short, has an entry twice or with a
// path that leads outside, is compressed or encrypted, or claims places outside of the file.
std::map<std::string, ZipEntry, std::less<>> read_zip(std::string_view file);
void verify_checksum(std::string_view name, const ZipEntry& entry);  // throws Error{serialization}

struct ZipPart {
  std::string name;
  std::string_view bytes;
};
// Writes a file that has its name when it is complete, and on disk. The bytes of each part begin at a multiple of 64.
// Throws Error{value} when the system says no.
void write_zip(const std::string& path, const std::vector<ZipPart>& parts);

}  // namespace tandem::deploy
