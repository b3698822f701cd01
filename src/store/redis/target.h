#pragma once
// Which servers to reach and how to log in there, drawn from the settings. No I/O.

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "store/redis/redis_settings.h"

namespace ci::store::redis {

struct Endpoint {
  Endpoint() = default;
  Endpoint(std::string name, int number) : host(std::move(name)), port(number) {}
  auto operator<=>(const Endpoint&) const = default;

  std::string text() const;  // "host:port"; an IPv6 address in brackets

  std::string host;
  int port = 0;
};

// "host", "host:port" or "[::1]:port". Fails as `invalid`, naming `variable`.
Endpoint parse_endpoint(std::string_view text, int default_port, std::string_view variable);

struct Login {
  std::string user, password;  // both empty: none
  int database = 0;
};

enum class Mode { standalone, cluster, sentinel };

struct Target {
  Mode mode = Mode::standalone;
  std::vector<Endpoint> servers;  // the server; the first nodes of the cluster; the sentinels
  Login login;                    // of the servers that hold data
  Login sentinel_login;
  bool tls = false;
  bool check_certificate = true;
  bool check_hostname = true;
  std::string ca_file, certificate_file, key_file;
  // What the settings say and nobody heeds, for the log: "REDIS_DB: …".
  std::vector<std::string> remarks;

  std::string description() const;  // "redis at db:6379, database 2", without secrets
};

// Fails as `invalid` with sentences that name the variable and show no secret.
Target resolve(const RedisSettings& settings);

}  // namespace ci::store::redis
