#include "store/redis/server_facts.h"

#include <charconv>
#include <map>
#include <string>
#include <string_view>

namespace ci::store::redis {

namespace {

// "name:value" lines.
std::map<std::string_view, std::string_view> lines_of(std::string_view text) {
  std::map<std::string_view, std::string_view> lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const auto colon = line.find(':'); colon != line.npos)
      lines.emplace(line.substr(0, colon), line.substr(colon + 1));
  }
  return lines;
}

double megabytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

Facts facts_of(const std::vector<Reply>& replies) {
  std::map<std::string_view, std::int64_t> sums;
  std::string version;
  std::int64_t uptime = 0;
  for (const Reply& reply : replies) {
    if (reply.kind != Reply::Kind::text) continue;
    const auto lines = lines_of(reply.text);
    const auto number = [&](std::string_view name) {
      std::int64_t value = 0;
      const auto line = lines.find(name);
      if (line != lines.end()) std::from_chars(line->second.data(), line->second.data() + line->second.size(), value);
      return value;
    };
    for (const char* name : {"connected_clients", "used_memory", "maxmemory", "keyspace_hits", "keyspace_misses"}) {
      sums[name] += number(name);
    }
    if (!version.empty()) continue;
    if (const auto line = lines.find("redis_version"); line != lines.end()) version = line->second;
    uptime = number("uptime_in_seconds");
  }
  Facts facts;
  facts.emplace_back("backend", "redis");
  facts.emplace_back("servers", static_cast<std::int64_t>(replies.size()));
  if (version.empty()) return facts;
  facts.emplace_back("version", version);
  facts.emplace_back("connected_clients", sums["connected_clients"]);
  facts.emplace_back("memory_usage_mb", megabytes(sums["used_memory"]));
  facts.emplace_back("keyspace_hits", sums["keyspace_hits"]);
  facts.emplace_back("keyspace_misses", sums["keyspace_misses"]);
  facts.emplace_back("uptime_seconds", uptime);
  if (const auto most = sums["maxmemory"]; most > 0) {
    facts.emplace_back("max_memory_mb", megabytes(most));
    facts.emplace_back(
        "memory_usage_percent", 100.0 * static_cast<double>(sums["used_memory"]) / static_cast<double>(most));
  }
  return facts;
}

}  // namespace ci::store::redis
