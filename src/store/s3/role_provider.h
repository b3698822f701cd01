#pragma once
// Fetches the credentials of a role, once, from one of the three places AWS offers. Used on the I/O thread.

#include "net/client/http_client.h"
#include "store/s3/credentials.h"

namespace ci::store::s3 {

class RoleProvider {
 public:
  RoleProvider(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool);

  // Fails as `unavailable`, saying which place was asked and what it answered.
  awaitable<Credentials> fetch();

 private:
  awaitable<Credentials> from_web_identity();
  awaitable<Credentials> from_container();
  awaitable<Credentials> from_instance();
  awaitable<std::string> read_token(std::string file);
  // The body of a 200; anything else fails.
  awaitable<std::string> ask(net::client::Client& client, net::client::Request request, const char* whom);

  S3Settings settings_;
  asio::thread_pool& pool_;
  net::client::Client outside_;  // through proxies, if the environment names any
  net::client::Client near_;     // link-local addresses: never through a proxy
};

}  // namespace ci::store::s3
