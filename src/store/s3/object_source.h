#pragma once
// The body of an object on its way to us. When the connection breaks it goes on where it was, as long as the object is
// still the same.

#include <limits>
#include <memory>
#include <string>

#include "base/byte_source.h"
#include "store/object_store.h"
#include "store/s3/s3_client.h"

namespace ci::store::s3 {

// Marks which multipart upload made an object; not shown as metadata.
inline constexpr std::string_view upload_mark = "x-amz-meta-kubecoderun-upload";
inline constexpr std::uint64_t largest_object = std::uint64_t{1} << 50;  // well above S3's own limit

// "bytes=5-9"
std::string range_header(const Range& range);

class ObjectSource final : public ByteSource {
 public:
  // `answer`: to a GET of `length` bytes from `offset`.
  ObjectSource(
      std::shared_ptr<S3Client> client, std::string key, std::uint64_t offset, std::uint64_t length, Answer answer);

  const net::client::Head& head() const { return answer_.head; }
  awaitable<size_t> read_some(std::span<std::byte> into) override;

 private:
  awaitable<void> reopen();

  std::shared_ptr<S3Client> client_;
  std::string key_;
  std::uint64_t offset_, left_;
  Answer answer_;
};

}  // namespace ci::store::s3
