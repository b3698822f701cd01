#pragma once
// Signed calls to one bucket, made again where that can help. Used on the I/O thread.

#include <memory>
#include <random>
#include <span>
#include <string>

#include "base/failure.h"
#include "net/client/http_client.h"
#include "store/s3/credentials.h"
#include "store/s3/settings.h"
#include "store/s3/signature.h"

namespace ci::store::s3 {

// What is asked of the server. The body stays the caller's.
struct Call {
  Call(std::string verb, std::string object) : method(std::move(verb)), key(std::move(object)) {}
  std::string method;
  std::string key;  // empty: the bucket
  Pairs query;
  Pairs headers;  // names in lower case; all are signed
  std::span<const std::byte> body;
  std::string payload_hash{hash_of_nothing};
  bool again = true;  // more than one try
};

struct Answer {
  Answer() = default;
  int status() const { return head.status; }
  bool ok() const { return head.status >= 200 && head.status < 300; }

  net::client::Head head;
  std::string body;                             // of call(); of open() when it is not ok
  std::string code;                             // S3's error code, if any
  std::unique_ptr<net::client::Stream> stream;  // of open() when it is ok
  int tries = 1;
};

class S3Client {
 public:
  S3Client(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool);

  // The answer, whatever its status, when trying again could not change it. Fails as `unavailable` when there was none
  // in time or the last one was 5xx or 429.
  awaitable<Answer> call(const Call& call);
  // The same, with the body of a success still to be read.
  awaitable<Answer> open(const Call& call);

  // What an answer that is not a success means. `doing`: "storing the object a/b".
  Failure failure_of(const Answer& answer, const std::string& doing) const;

  const S3Settings& settings() const { return settings_; }

 private:
  enum class Reading { whole, as_wanted };
  awaitable<Answer> exchange(const Call& call, Reading reading);
  awaitable<Answer> attempt(const Call& call, Reading reading, std::chrono::milliseconds silence);
  net::client::Request sign(const Call& call, const Credentials& credentials) const;

  S3Settings settings_;
  std::string host_;  // as it stands in the Host header
  net::client::Client http_;
  std::unique_ptr<CredentialSource> credentials_;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace ci::store::s3
