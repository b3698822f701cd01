#pragma once
// The messages between server, sandboxd, zygotes and agents. Every process runs the same binary, so the format needs
// no versions: a tag byte, then the fields in order. Reading past the end or an unknown tag fails as `internal`.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/failure.h"

namespace ci::sandbox {

enum class Tag : std::uint8_t {
  // server → sandboxd
  // u64 ticket, string kind (kinds.h; with a set of packages "js@name"), u8 awaited: somebody waits for it, who wants it soon rather than well
  // prepared
  create = 1,
  destroy,  // u64 ticket: it took too long; nothing happens when it is gone
  // sandboxd → server
  hello,  // u8 cgroup version (0: none), string kinds joined with ',', u8 contained (isolation.h), string sets of packages joined alike
  created,  // u64 ticket; descriptors: control, stdout, stderr
  refused,  // u64 ticket, string reason
  gone,     // u64 ticket: the sandbox's last process has been reaped
  // agent → server
  ready,   // the guest waits; u64 bytes of memory it uses, 0: unknown
  failed,  // string reason; the agent ends after it
  ended,   // run_messages.h
  file,    // any number of: string name, u64 size, u8 written; descriptor
  collected,  // u64 microseconds, u8 everything was looked at, u32 skipped files for each reason of LeftOut, u32 count and so
  // many of u8 reason, u32 files, string name; then u32 numbers of the files that were put and are no longer there
  stands,   // u64 bytes of memory that it holds while it stands still; 0: it goes on
  product,  // what the compiler made; descriptor: sealed memory
  // server → agent
  put,  // any number of: u8 read only, string name; descriptor: a regular file, or a stream socket that is read to its
        // end. Files are numbered from 0 in the order in which they are put
  program,    // descriptor: what a compiler would make of the source
  start,      // run_messages.h; descriptors: arguments, each ended by NUL; then those that the guest gets
  interrupt,  // ends the program as its deadline would, also one that stands still
  freeze,     // nothing of it runs until `thaw`, and no limit's time goes on
  thaw,       // u64 milliseconds that there are from now on; none: what was left
  // to a sandboxd that starts
  settings,  // see settings_text.cc
};

// So many numbers of files fit into a message with room to spare; what is beyond is not told.
inline constexpr std::size_t most_numbers = 8000;

class Writer {
 public:
  explicit Writer(Tag tag) { bytes_.push_back(static_cast<char>(tag)); }

  template <class Number>
    requires std::is_arithmetic_v<Number>
  Writer& number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) { tag_ = static_cast<Tag>(number<std::uint8_t>()); }

  Tag tag() const { return tag_; }
  template <class Number>
  Number number() {
    need(sizeof(Number));
    Number value;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    need(size);
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  void need(size_t size) const {
    if (rest_.size() < size) throw Failure(FailureKind::internal, "a sandbox message is too short");
  }
  std::string_view rest_;
  Tag tag_;
};

}  // namespace ci::sandbox
