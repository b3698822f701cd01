#pragma once
// ObjectStore in a bucket of an S3 server, for many replicas. The key of an object is its key in the bucket; metadata is
// x-amz-meta-*. Small objects are one PUT, larger ones a multipart upload that is aborted when it fails; either way the
// older object stays until the last byte is stored. Bodies go out of bounded buffers, so that a part can be sent again.
// The hash of the body is signed, since it has to be computed anyway; only parts of large objects leave that to TLS
// where there is TLS.

#include <memory>

#include "store/object_store.h"
#include "store/s3/part_buffers.h"
#include "store/s3/part_reader.h"
#include "store/s3/s3_client.h"

namespace ci::store::s3 {

class S3Store final : public ObjectStore {
 public:
  // `pool` hashes. Nothing is sent before the first call.
  S3Store(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool);

  using ObjectStore::open;
  using ObjectStore::put;
  awaitable<StoredObject> put(std::string key, ByteSource& source, std::uint64_t limit, Metadata metadata) override;
  awaitable<std::optional<OpenObject>> open(std::string key, Range range) override;
  awaitable<std::optional<ObjectInfo>> head(std::string key) override;
  awaitable<void> remove(std::string key) override;
  awaitable<Page> list(std::string prefix, std::string cursor, int limit) override;
  // One try, not repeated. Makes the bucket when it is missing; the first time also removes what a crash of ours left.
  awaitable<void> ping() override;
  awaitable<Facts> facts() override;

  // Aborts multipart uploads that nobody has ended for `age`: their parts cost room and are not listed. Says how many.
  awaitable<int> remove_unfinished(std::chrono::seconds age);

 private:
  // With a bucket made on the way when there is none.
  awaitable<Answer> call_with_bucket(const Call& call);
  awaitable<void> make_bucket();
  awaitable<void> tidy();
  awaitable<void> put_whole(const std::string& key, std::span<const std::byte> body, std::string hash, Pairs headers);
  awaitable<void> put_parts(
      const std::string& key, PartReader& reader, std::span<std::byte> buffer, size_t filled, Pairs headers);
  awaitable<std::string> begin_upload(const std::string& key, Pairs headers);
  awaitable<void> send_parts(
      const std::string& key, const std::string& upload, PartReader& reader, std::span<std::byte> buffer, size_t filled,
      std::vector<std::string>& etags);
  awaitable<void> end_upload(
      const std::string& key, const std::string& upload, const std::vector<std::string>& etags,
      const std::string& mark);
  awaitable<void> abort_upload(std::string key, std::string upload);
  awaitable<std::optional<Answer>> ask_head(const std::string& key);

  // Shared with the objects that are being read.
  std::shared_ptr<S3Client> client_;
  asio::thread_pool& pool_;
  PartBuffers buffers_;
  bool bucket_made_ = false;  // said once, when many find it missing
  bool tidied_ = false;
};

std::unique_ptr<ObjectStore> open(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool);

}  // namespace ci::store::s3
