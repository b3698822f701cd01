#pragma once
// Real redis-server processes on free ports of the loopback interface, each in a directory of its own. They end with
// their owner, and with the test's process however that ends.

#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/sys.h"
#include "base/unique_fd.h"
#include "store/testing/loop.h"

namespace ci::store::testing {

inline bool has_program(const std::string& name) {
  const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "/usr/bin:/bin";
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    if (::access((path.substr(begin, end - begin) + "/" + name).c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

inline sockaddr_in loopback_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

// Stays free for a while: the kernel hands out others first.
inline int free_port() {
  const UniqueFd probe(sys("making a socket", [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }));
  sockaddr_in address = loopback_address(0);
  socklen_t size = sizeof address;
  sys("binding", [&] { return ::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size); });
  sys("looking", [&] { return ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size); });
  return ntohs(address.sin_port);
}

inline bool accepts(int port) {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback_address(port);
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Polls until `condition` holds; false when it did not within the time.
template <class Condition>
bool eventually(std::chrono::milliseconds patience, Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class RedisServer {
 public:
  static bool is_installed() { return has_program("redis-server"); }

  // `options` as on its command line ("--requirepass", "secret"); later ones win. Returns when it accepts connections.
  explicit RedisServer(std::vector<std::string> options = {}) : options_(std::move(options)) {
    for (int attempt = 1; !try_to_start(); ++attempt) {
      CHECK(attempt < 5);
      port_ = free_port();
    }
  }
  ~RedisServer() { kill(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  const std::filesystem::path& directory() const { return directory_.path(); }

  // On the port it had, with the data that it kept.
  void start() { CHECK(try_to_start()); }

  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

  // Still there, but as if its host had gone: the kernel accepts, nobody answers.
  void freeze() { ::kill(child_, SIGSTOP); }
  void thaw() { ::kill(child_, SIGCONT); }

 private:
  // False when it ended at once, as it does when somebody else has taken the port.
  bool try_to_start() {
    std::vector<std::string> words = {"redis-server"};
    if (is_sentinel()) words.push_back((directory() / "sentinel.conf").string());
    for (const std::string& word :
         {std::string("--port"), std::to_string(port_), std::string("--bind"), std::string("127.0.0.1"),
          std::string("--dir"), directory().string(), std::string("--logfile"), (directory() / "log").string(),
          std::string("--daemonize"), std::string("no")}) {
      words.push_back(word);
    }
    if (!is_sentinel()) {
      for (const char* word : {"--save", "", "--repl-diskless-sync-delay", "0"}) words.emplace_back(word);
      words.insert(words.end(), options_.begin(), options_.end());
    } else {
      // A sentinel rewrites its file; a fresh one each time.
      std::ofstream file(directory() / "sentinel.conf");
      for (const std::string& line : options_) file << line << '\n';
      words.emplace_back("--sentinel");
    }
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    child_ = sys("forking", [] { return ::fork(); });
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() == parent) ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    bool has_ended = false;
    const auto is_settled = [&] {
      has_ended = ::waitpid(child_, nullptr, WNOHANG) == child_;
      return has_ended || accepts(port_);
    };
    CHECK(eventually(std::chrono::seconds(20), is_settled));
    return !has_ended;
  }

  bool is_sentinel() const { return !options_.empty() && options_.front().starts_with("sentinel "); }

  TemporaryDirectory directory_;
  std::vector<std::string> options_;
  int port_ = free_port();
  pid_t child_ = 0;
};

// An authority, and certificates of it for the server (127.0.0.1, localhost) and for clients, as PEM files.
class TestCertificates {
 public:
  static bool can_be_made() { return has_program("openssl"); }

  TestCertificates() {
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out "
        "ca.crt");
    make("server", "subjectAltName=IP:127.0.0.1,DNS:localhost");
    make("client", "subjectAltName=DNS:client");
  }
  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }

  // A certificate of this authority that is of another host.
  void make(const std::string& name, const std::string& extension) {
    std::ofstream(file(name + ".ext")) << extension << '\n';
    run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name + " -keyout " + name + ".key -out " +
        name + ".csr");
    run("x509 -req -days 2 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile " + name + ".ext -in " + name +
        ".csr -out " + name + ".crt");
  }

 private:
  void run(const std::string& arguments) {
    const std::string command = "cd " + directory_.path().string() + " && openssl " + arguments + " 2>log >&2";
    CHECK(std::system(command.c_str()) == 0);
  }

  TemporaryDirectory directory_;
};

}  // namespace ci::store::testing
