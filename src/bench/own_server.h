#pragma once
// A server of this very program, for `bench` alone: on a free port of the loopback interface, with an empty data
// directory and the embedded stores, otherwise with the settings of the environment (not of .env). Main thread only.

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "os/child_process.h"

namespace ci::bench {

class OwnServer {
 public:
  // Starts it and waits until it says that it is ready. `settings` are added to those of the environment. Fails as
  // `unavailable` with the end of its log when it does not get ready.
  explicit OwnServer(const std::map<std::string, std::string>& settings = {});
  // Stops it as an operator would, and removes everything that it kept.
  ~OwnServer();
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;

  // Until it has as many warm sandboxes as it wants, or for half a minute: right after the start the larger zygotes are still
  // importing, beside which nothing is measured.
  void wait_until_warm() const;

  const std::string& base() const { return base_; }
  const std::string& key() const { return key_; }
  pid_t pid() const { return process_->pid(); }
  // When its process was made.
  std::chrono::steady_clock::time_point started() const { return started_; }

 private:
  void wait_until_ready();
  std::string end_of_log() const;

  std::filesystem::path directory_;
  std::string key_, base_;
  std::chrono::steady_clock::time_point started_;
  std::optional<os::ChildProcess> process_;
};

// The environment of such a server: `ours` without what points at stores, keys and listeners, and with `settings`.
// Pure; NAME=value texts.
std::vector<std::string> server_environment(
    const char* const* ours, const std::map<std::string, std::string>& settings);

}  // namespace ci::bench
