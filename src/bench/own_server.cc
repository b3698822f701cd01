#include "bench/own_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/ids.h"
#include "base/log.h"
#include "base/sys.h"
#include "bench/http_client.h"
#include "bench/interrupt.h"

namespace ci::bench {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

constexpr auto longest_start = 60s;
constexpr auto between_looks = 5ms;
constexpr auto longest_warming = 30s;
constexpr auto longest_stop = 60s;
constexpr size_t log_end_shown = 2000;

// Another server's data must not be touched, and the listener is ours to choose.
constexpr std::array<std::string_view, 12> foreign = {"API_",     "HTTPS_", "SSL_",   "ENABLE_HTTPS",
                                                      "DATA_DIR", "LOG_",   "REDIS_", "MINIO_",
                                                      "S3_",      "AWS_",   "K8S_",   "KUBECONFIG"};

// Nobody else has it now. Whoever takes it before the server does makes the start fail, visibly.
int free_port() {
  const UniqueFd probe(sys("looking for a free port", [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* place = reinterpret_cast<sockaddr*>(&address);
  sys("looking for a free port", [&] { return ::bind(probe.get(), place, size); });
  sys("looking for a free port", [&] { return ::getsockname(probe.get(), place, &size); });
  return ntohs(address.sin_port);
}

fs::path new_directory() {
  std::string name = (fs::temp_directory_path() / "kubecoderun-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw Failure::from_errno(errno, "making a directory below " + name);
  // The server gives up its privileges and must reach its data all the same.
  fs::permissions(name, fs::perms(0755));
  return name;
}

}  // namespace

std::vector<std::string> server_environment(
    const char* const* ours, const std::map<std::string, std::string>& settings) {
  std::vector<std::string> result;
  for (; *ours != nullptr; ++ours) {
    const std::string_view entry = *ours;
    std::string name(entry.substr(0, entry.find('=')));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
    if (settings.contains(name)) continue;
    if (std::ranges::any_of(foreign, [&](std::string_view start) { return name.starts_with(start); })) continue;
    result.emplace_back(entry);
  }
  for (const auto& [name, value] : settings) result.push_back(name + "=" + value);
  return result;
}

OwnServer::OwnServer(const std::map<std::string, std::string>& settings)
    : directory_(new_directory()), key_(random_token(24)) {
  try {
    const std::string port = std::to_string(free_port());
    base_ = "http://127.0.0.1:" + port;
    std::map<std::string, std::string> all = settings;
    all["API_HOST"] = "127.0.0.1";
    all["API_PORT"] = port;
    all["API_KEY"] = key_;
    all["DATA_DIR"] = (directory_ / "data").string();
    all["LOG_FORMAT"] = "text";

    const UniqueFd log(sys("making a log", [&] {
      return ::open((directory_ / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }));
    os::SpawnRequest request;
    request.program = os::own_program();
    request.arguments = {"kubecoderun", "serve", "--end-with", std::to_string(::getpid())};
    request.descriptors = {{log.get(), STDOUT_FILENO}, {log.get(), STDERR_FILENO}};
    request.own_group = true;  // ^C is for us: we stop it when we have shown what there is
    request.directory = directory_.string();
    request.environment = server_environment(environ, all);
    started_ = std::chrono::steady_clock::now();
    process_ = os::ChildProcess::spawn(request);
    wait_until_ready();
  } catch (...) {
    process_.reset();
    fs::remove_all(directory_);
    throw;
  }
}

OwnServer::~OwnServer() {
  process_->signal(SIGTERM);
  try {
    if (!process_->wait_for(longest_stop)) log_warning("the server of bench does not stop and is killed");
    process_.reset();
  } catch (const Failure& failure) {
    log_warning("the server of bench could not be stopped", {{"reason", failure.what()}});
  }
  std::error_code error;
  fs::remove_all(directory_, error);
  if (error) log_warning("cannot remove", {{"path", directory_.string()}, {"reason", error.message()}});
}

void OwnServer::wait_until_ready() {
  HttpClient client(parse_address(base_), key_, Trust{});
  const auto deadline = started_ + longest_start;
  for (;;) {
    try {
      if (client.get("/ready").status == 200) return;
    } catch (const Failure&) {
      // Nobody listens yet.
    }
    if (const auto status = process_->try_wait()) {
      throw Failure(
          FailureKind::unavailable, "the server ended with status " + std::to_string(*status) + "\n" + end_of_log());
    }
    if (interrupted()) throw Failure(FailureKind::unavailable, "interrupted while the server was starting");
    if (std::chrono::steady_clock::now() > deadline) {
      throw Failure(FailureKind::unavailable, "the server does not get ready\n" + end_of_log());
    }
    std::this_thread::sleep_for(between_looks);
  }
}

void OwnServer::wait_until_warm() const {
  HttpClient client(parse_address(base_), key_, Trust{});
  const auto deadline = std::chrono::steady_clock::now() + longest_warming;
  while (!interrupted() && std::chrono::steady_clock::now() < deadline) {
    const boost::json::value report = boost::json::parse(client.get("/health/detailed?use_cache=false").body);
    const boost::json::object& languages =
        report.at("services").at("pod_pool").at("details").at("languages").as_object();
    const bool warm = std::ranges::all_of(languages, [](const boost::json::key_value_pair& entry) {
      return entry.value().at("available").to_number<int>() >= entry.value().at("target_size").to_number<int>();
    });
    if (warm) return;
    std::this_thread::sleep_for(100ms);
  }
}

std::string OwnServer::end_of_log() const {
  std::ifstream stream(directory_ / "log", std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  const std::string all = text.str();
  return all.size() > log_end_shown ? all.substr(all.size() - log_end_shown) : all;
}

}  // namespace ci::bench
