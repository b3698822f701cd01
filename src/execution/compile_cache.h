#pragma once
// Programs that were compiled before, by what they were compiled from. Called on the I/O thread.
//
// A program is made by a compiler from a source and nothing else: only runs without input files ask, and not those whose
// source mentions something that could bring in more (languages::Compile::fickle). It is taken from the sandbox before
// any of the user's code has run, so what is kept under a source is what its compiler makes of it, whoever sent it
// first. Nothing but a shorter time tells a user that somebody else had the same source.

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "languages/language.h"
#include "os/system_root.h"

namespace ci::execution {

struct CompileCacheSettings {
  std::uint64_t bytes = 64ull << 20;  // of all programs together; 0: nothing is kept
  std::size_t entries = 256;          // each holds a descriptor
  os::SystemRoot system;              // where the compilers are
};

struct CompileCacheStatistics {
  std::uint64_t hits = 0, misses = 0, entries = 0, bytes = 0;
};

class CompileCache {
 public:
  explicit CompileCache(const CompileCacheSettings& settings) : settings_(settings) {}

  // What a program made from `code` now would be kept under, where its compiler sees that set of packages (empty: none); nothing when it
  // must not be kept. Looks at the compiler, and at what is installed: a changed toolchain is another key.
  std::optional<std::string> key(
      const languages::Language& language, std::string_view code, std::string_view packages = {}) const;

  // A descriptor of the program, or none.
  UniqueFd find(const std::string& key);

  // Takes a program of so many bytes; those that were not used for longest make room.
  void keep(const std::string& key, UniqueFd program, std::uint64_t size);
  // All of them.
  void forget();

  // Larger programs are not worth their room.
  std::uint64_t largest() const { return settings_.bytes / 4; }

  CompileCacheStatistics statistics() const;

 private:
  struct Entry {
    Entry(std::string k, UniqueFd p, std::uint64_t s) : key(std::move(k)), program(std::move(p)), size(s) {}
    std::string key;
    UniqueFd program;
    std::uint64_t size;
  };

  CompileCacheSettings settings_;
  std::list<Entry> entries_;  // last used first
  std::map<std::string, std::list<Entry>::iterator> places_;
  std::uint64_t bytes_ = 0, hits_ = 0, misses_ = 0;
};

}  // namespace ci::execution
