#pragma once
// The tree that programs see as "/": that of this host, or another one below a directory, of another release perhaps. Whoever looks at
// what programs will find, a language, a library, its version, looks through this, by the names that programs know.

#include <filesystem>
#include <string>

namespace ci::os {

class SystemRoot {
 public:
  SystemRoot() = default;  // this host's
  // Another one; an empty path or "/" is this host's again.
  explicit SystemRoot(std::filesystem::path directory);

  bool is_host() const { return directory_ == "/"; }
  const std::filesystem::path& directory() const { return directory_; }

  // Where on this host the file is that is called `name` inside. Links are followed as they are inside, so an absolute one leads to a
  // place in the same tree. Empty when there is none, or none that we may see.
  std::filesystem::path find(const std::filesystem::path& name) const;

  // Whether there is such a file that may be executed.
  bool has_program(const std::filesystem::path& name) const;

  // What the system calls itself: "Debian GNU/Linux 13 (trixie)".
  std::string pretty_name() const;

 private:
  std::filesystem::path directory_ = "/";
};

}  // namespace ci::os
