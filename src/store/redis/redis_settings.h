#pragma once
// What an operator says about Redis, as it was written. resolve() in target.h makes sense of it.

#include <chrono>
#include <string>
#include <vector>

namespace ci::store {

struct RedisSettings {
  std::string url;   // redis:// or rediss://; wins over host, port and database, and over user and password it names
  std::string host;  // a name, an address or an URL, whose gaps are filled from the fields below
  int port = 6379;
  std::string password;                     // any text
  int database = 0;                         // not of a cluster, nor behind sentinels
  int max_connections = 20;                 // to each server
  std::chrono::seconds timeout{5};          // until an answer; for long ones, while nothing moves
  std::chrono::seconds connect_timeout{5};  // TCP, TLS and log-in together
  std::string mode = "standalone";          // or cluster, sentinel
  std::string key_prefix;                   // before every key

  bool tls = false;
  std::string ca_file;  // PEM; empty: the authorities of the system
  std::string certificate_file, key_file;
  std::string certificate_check = "required";  // or optional, which is the same for a client, or none
  bool check_hostname = true;

  std::vector<std::string> cluster_nodes;   // host:port, some of them; empty: host
  std::vector<std::string> sentinel_nodes;  // host:port; empty: host on port 26379
  std::string sentinel_master = "mymaster";
  std::string sentinel_password;
  int sentinel_database = 0;

  // Whether any server is named; otherwise records belong into the embedded store.
  bool chosen() const {
    return !url.empty() || !host.empty() || (mode == "cluster" && !cluster_nodes.empty()) ||
           (mode == "sentinel" && !sentinel_nodes.empty());
  }
};

}  // namespace ci::store
