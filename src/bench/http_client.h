#pragma once
// One connection to a server, kept open between requests, as a client program has it. Blocking; one thread each.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ci::bench {

struct Address {
  bool tls = false;
  std::string host;
  std::string port;
  std::string path;  // in front of every route; no '/' at its end

  // Whether it is this machine for sure: a loopback address or localhost.
  bool is_local() const;
};

// "http://127.0.0.1:8000/v1", "https://host". Anything else fails as `invalid`, user names in it too: keys go with --key.
Address parse_address(const std::string& url);

// Whom to believe with https.
struct Trust {
  bool anybody = false;     // no check of the certificate
  std::string authorities;  // PEM file; empty: those of the system
};

struct Reply {
  int status = 0;
  std::string body;
  std::string server_timing;
  std::chrono::duration<double, std::milli> time{};  // from the first byte sent to the last byte read
};

class HttpClient {
 public:
  HttpClient(Address address, const std::string& key, const Trust& trust);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  // Connects when there is no connection, before the clock starts. Fails as `unavailable` or `timeout`; the next call
  // connects again.
  Reply post(const std::string& route, const std::string& json);
  Reply get(const std::string& route);
  Reply remove(const std::string& route);
  // A form with one file.
  Reply upload(const std::string& route, std::string_view file_name, std::string_view bytes);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ci::bench
