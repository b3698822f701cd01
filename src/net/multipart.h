#pragma once
// multipart/form-data (RFC 7578) as a stream: parts come one after the other, bodies in pieces.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/byte_source.h"

namespace ci::net {

// One part's header. `filename` is there for file parts; it was read from filename*=UTF-8''…, raw UTF-8 or
// a percent-encoded filename="…", whichever the client sent, and may hold anything: check before use.
struct PartHeader {
  PartHeader() = default;

  std::string name;
  std::optional<std::string> filename;
  // The same for those who want names exactly as they are: of a filename="…" only %22, %0D and %0A are decoded, which is all
  // that browsers and form libraries encode. Empty without a filename.
  std::string exact_filename;
  std::string content_type;  // as sent; empty when it was not
};

// Nothing when `content_type` is not multipart/form-data with a boundary.
std::optional<std::string> multipart_boundary(std::string_view content_type);

class MultipartReader {
 public:
  // Reads from `body`, which must outlive it.
  MultipartReader(ByteSource& body, std::string boundary);
  ~MultipartReader();

  // The next part, skipping what is left of the current one; nothing at the closing boundary.
  // Malformed or cut off input fails as `invalid`; more than 1000 parts, or more than 16 KiB of part headers, too.
  awaitable<std::optional<PartHeader>> next_part();

  // The current part's body, until its end. Valid until the next next_part().
  ByteSource& part_body();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ci::net
