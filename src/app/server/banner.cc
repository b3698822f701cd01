#include "app/server/banner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"

namespace ci::app {

namespace {

std::string address_of(const BannerFacts& facts) {
  std::string host = facts.host;
  if (host.empty() || host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != host.npos) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", facts.tls ? "https" : "http", host, facts.port);
}

}  // namespace

std::string banner_text(const BannerFacts& facts) {
  constexpr const char* bold = "\033[1m";
  constexpr const char* plain = "\033[0m";
  const std::string address = address_of(facts);
  std::string text = fmt::format("\n  {}KubeCodeRun {}{} is ready\n\n", bold, facts.version, plain);
  text += fmt::format("  address    {}{}{}\n", bold, address, plain);
  if (!facts.authentication) {
    text += "  key        none: AUTH_ENABLED is false, whoever reaches the port may run code\n";
  } else if (facts.generated_key.empty()) {
    text += "  key        the one you set\n";
  } else {
    text +=
        fmt::format("  key        {}{}{}  (kept in {})\n", bold, facts.generated_key, plain, facts.key_file.string());
  }
  text += fmt::format(
      "  languages  {}\n", facts.languages.empty() ? "none" : fmt::format("{}", fmt::join(facts.languages, " ")));
  const std::string language = facts.languages.empty() ? "py" : facts.languages.front();
  const bool has_python = fmt::format(" {} ", fmt::join(facts.languages, " ")).find(" py ") != std::string::npos;
  const char* code = has_python ? "print(6*7)" : "echo 42";
  const std::string key =
      facts.authentication
          ? fmt::format(" -H \"x-api-key: {}\"", facts.generated_key.empty() ? "$API_KEY" : facts.generated_key)
          : "";
  text += fmt::format(
      "\n  try        curl {}/exec{} \\\n               -H 'Content-Type: application/json' -d "
      "'{{\"lang\":\"{}\",\"code\":\"{}\"}}'\n\n",
      address, key, has_python ? "py" : language, code);
  return text;
}

void announce_ready(const BannerFacts& facts) {
  const std::string languages = fmt::format("{}", fmt::join(facts.languages, " "));
  if (facts.generated_key.empty()) {
    log_info("ready", {{"address", address_of(facts)}, {"languages", languages}});
  } else {
    // The key itself is for a person: the log may be kept by whatever gathers it.
    log_info(
        "ready", {{"address", address_of(facts)}, {"languages", languages}, {"key_file", facts.key_file.string()}});
  }
  const bool among_json = log_format() == LogFormat::json && ::isatty(STDOUT_FILENO) == 1;
  if (::isatty(STDERR_FILENO) != 1 || among_json) return;
  // One write, so that no log line of another process falls into it.
  const std::string text = banner_text(facts);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace ci::app
