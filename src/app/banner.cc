#include "app/banner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace ci::app {

namespace {

std::string address_of(const BannerFacts& facts) {
  std::string host = facts.host;
  if (host.empty() || host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != host.npos) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", facts.tls ? "https" : "http", host, facts.port);
}

std::string key_for_curl(const BannerFacts& facts, bool on_terminal) {
  if (facts.generated_key.empty()) return "$API_KEY";
  return on_terminal ? facts.generated_key : fmt::format("$(cat {})", facts.key_file.string());
}

}  // namespace

std::string banner_text(const BannerFacts& facts, bool on_terminal) {
  const char* bold = on_terminal ? "\033[1m" : "";
  const char* plain = on_terminal ? "\033[0m" : "";
  const std::string address = address_of(facts);
  std::string text = fmt::format("\n  {}KubeCodeRun {}{} is ready\n\n", bold, facts.version, plain);
  text += fmt::format("  address    {}{}{}\n", bold, address, plain);
  if (!facts.authentication) {
    text += "  key        none: AUTH_ENABLED is false, whoever reaches the port may run code\n";
  } else if (facts.generated_key.empty()) {
    text += "  key        the one you set\n";
  } else if (on_terminal) {
    text += fmt::format("  key        {}{}{}  (kept in {})\n", bold, facts.generated_key, plain, facts.key_file.string());
  } else {
    text += fmt::format("  key        in {}\n", facts.key_file.string());
  }
  text += fmt::format("  languages  {}\n", facts.languages.empty() ? "none" : fmt::format("{}", fmt::join(facts.languages, " ")));
  const std::string language = facts.languages.empty() ? "py" : facts.languages.front();
  const bool has_python = fmt::format(" {} ", fmt::join(facts.languages, " ")).find(" py ") != std::string::npos;
  const char* code = has_python ? "print(6*7)" : "echo 42";
  const std::string key = facts.authentication ? fmt::format(" -H \"x-api-key: {}\"", key_for_curl(facts, on_terminal)) : "";
  text += fmt::format(
      "\n  try        curl {}/exec{} \\\n               -H 'Content-Type: application/json' -d '{{\"lang\":\"{}\",\"code\":\"{}\"}}'\n\n",
      address, key, has_python ? "py" : language, code);
  return text;
}

void show_banner(const BannerFacts& facts) {
  // One write, so that no log line of another process falls into it.
  const std::string text = banner_text(facts, ::isatty(STDERR_FILENO) == 1);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace ci::app
