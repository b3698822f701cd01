#pragma once
// Who signs: fixed keys, or the credentials of a role that are fetched, kept and renewed before they end. Used on the
// I/O thread.

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/async.h"
#include "store/s3/settings.h"

namespace ci::store::s3 {

struct Credentials {
  Credentials() = default;
  std::string access_key, secret_key;
  std::string session_token;  // empty: none
  std::optional<std::chrono::system_clock::time_point> expires;
};

class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // Fails as `unavailable` when there are none and none can be fetched.
  virtual awaitable<Credentials> current() = 0;
  // A server refused them as expired: the next call fetches new ones. False: there are no others.
  virtual bool renew() = 0;
};

// `pool` reads the files of tokens.
std::unique_ptr<CredentialSource> make_credentials(
    const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool);

}  // namespace ci::store::s3
