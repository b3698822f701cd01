#pragma once
// The files of a run that comes in single requests: those that were sent before it, and those that it left. Open, so that it does not
// matter what becomes of their names. I/O thread.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "pool/sandbox_pool.h"

namespace ci::runner {

class HeldFiles {
 public:
  explicit HeldFiles(asio::thread_pool& blocking) : blocking_(blocking) {}

  // `name` is below the working directory, with slashes perhaps. The body has a descriptor. Replaces an older one.
  void put(const std::string& name, std::unique_ptr<ByteSource> body, std::uint64_t size);
  // The file, or nothing; or, below a folder, all that is in it.
  bool remove(const std::string& name);
  void clear() { files_.clear(); }

  // A source of its own, null when there is no such file.
  std::unique_ptr<ByteSource> open(const std::string& name, std::uint64_t& size) const;

  struct Entry {
    std::string name;
    std::uint64_t size = 0;  // 0 of a folder
  };
  // What is directly in the folder, "" being the working directory.
  std::vector<Entry> list(const std::string& folder) const;

  // All of them, for a program.
  std::vector<pool::InputFile> inputs() const;

 private:
  struct Held {
    std::unique_ptr<ByteSource> body;
    std::uint64_t size = 0;
  };
  asio::thread_pool& blocking_;
  std::map<std::string, Held> files_;
};

}  // namespace ci::runner
