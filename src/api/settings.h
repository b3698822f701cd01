#pragma once
// What an operator may change about the HTTP interface.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "files/session_files.h"

namespace ci::api {

struct ApiSettings {
  std::string version = "0.0.0";
  bool debug = false;  // /config, and how long each answer took
  bool docs = true;

  // Answers to browsers of other origins; no origins: any.
  bool cors = false;
  std::vector<std::string> cors_origins;

  bool authentication = true;
  std::string api_key_header = "x-api-key";   // accepted besides x-api-key
  std::vector<std::string> trusted_networks;  // CIDR; need no key
  std::vector<std::string> trusted_proxies;   // CIDR; what they say of where a request comes from is believed
  std::string master_key;                     // of the administration; empty: there is none
  bool rate_limits = true;                    // of managed keys are enforced
  int failure_limit = 10;                     // wrong keys of one address …
  std::chrono::seconds failure_window{3600};  // … in this time

  std::uint64_t json_bytes = 50 << 20;     // of a JSON body
  std::chrono::seconds time_limit{30};     // of a run, the most that a request gets
  std::uint64_t memory_bytes = 512 << 20;  // of a run: told, not enforced here
  std::chrono::hours session_ttl{0};       // the same
  std::chrono::seconds keep_alive{3};      // silence before an /exec answer begins with spaces; 0: never
  files::FileLimits files;
  bool strict_ownership = false;
  bool former_sessions = true;  // of a time that did not tell keys apart: belong to every key
  bool named_sessions = true;   // files of a session that the client names stay

  std::chrono::seconds health_interval{30};  // results of health checks are kept for so long
  std::chrono::seconds health_timeout{5};    // of one check

  bool access_log = true;
  bool security_log = true;
};

}  // namespace ci::api
