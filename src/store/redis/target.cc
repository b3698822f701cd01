#include "store/redis/target.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>

#include "base/failure.h"

namespace ci::store::redis {

namespace {

[[noreturn]] void refuse(std::string_view variable, std::string_view problem) {
  throw Failure(FailureKind::invalid, fmt::format("{}: {}", variable, problem));
}

std::optional<int> parse_number(std::string_view text, int highest) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > highest) return std::nullopt;
  return value;
}

std::string decode(std::string_view text, std::string_view variable) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    int byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (error != std::errc{} || digits.size() != 2 || end != digits.data() + 2) {
      refuse(variable, "has a % that is not followed by two hexadecimal digits; write a % itself as %25");
    }
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

bool is_url(std::string_view text) { return text.contains("://"); }

struct Url {
  bool tls = false;
  std::string host;
  std::optional<int> port, database;
  std::optional<std::string> user, password;
  std::map<std::string, std::string> options;
};

Url parse_url(std::string_view text, std::string_view variable) {
  Url url;
  if (text.starts_with("rediss://")) {
    url.tls = true;
  } else if (!text.starts_with("redis://")) {
    refuse(variable, "must begin with redis:// or rediss://");
  }
  text.remove_prefix(text.find("://") + 3);
  text = text.substr(0, text.find('#'));

  std::string_view query;
  if (const size_t mark = text.find('?'); mark != text.npos) {
    query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  std::string_view path;
  if (const size_t slash = text.find('/'); slash != text.npos) {
    path = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  if (const size_t at = text.rfind('@'); at != text.npos) {
    const std::string_view secret = text.substr(0, at);
    const size_t colon = secret.find(':');
    url.user = decode(secret.substr(0, colon), variable);
    if (colon != secret.npos) url.password = decode(secret.substr(colon + 1), variable);
    text.remove_prefix(at + 1);
  }
  if (!text.empty()) {
    const Endpoint place = parse_endpoint(text, -1, variable);
    url.host = decode(place.host, variable);
    if (place.port >= 0) url.port = place.port;
  }
  if (!path.empty()) {
    url.database = parse_number(path, 1'000'000);
    if (!url.database) refuse(variable, "what follows the host must be the number of a database");
  }
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    url.options[decode(pair.substr(0, equals), variable)] =
        decode(pair.substr(std::min(equals + 1, pair.size())), variable);
  }
  return url;
}

// Options that URLs made for Python's client carry.
void apply_options(Url& url, RedisSettings& settings, std::vector<std::string>& remarks, std::string_view variable) {
  for (const auto& [name, value] : url.options) {
    if (name == "db") {
      url.database = parse_number(value, 1'000'000);
      if (!url.database) refuse(variable, "db must be a number");
    } else if (name == "username") {
      url.user = value;
    } else if (name == "password") {
      url.password = value;
    } else if (name == "ssl_ca_certs") {
      settings.ca_file = value;
    } else if (name == "ssl_certfile") {
      settings.certificate_file = value;
    } else if (name == "ssl_keyfile") {
      settings.key_file = value;
    } else if (name == "ssl_cert_reqs") {
      if (value != "required" && value != "optional" && value != "none") {
        refuse(variable, "ssl_cert_reqs must be required, optional or none");
      }
      settings.certificate_check = value;
    } else if (name == "ssl_check_hostname") {
      settings.check_hostname = value != "false" && value != "False" && value != "0";
    } else {
      remarks.push_back(fmt::format("{}: the option \"{}\" changes nothing", variable, name));
    }
  }
}

std::vector<Endpoint> parse_nodes(const std::vector<std::string>& nodes, int default_port, std::string_view variable) {
  std::vector<Endpoint> result;
  for (const std::string& node : nodes) result.push_back(parse_endpoint(node, default_port, variable));
  return result;
}

}  // namespace

std::string Endpoint::text() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Endpoint parse_endpoint(std::string_view text, int default_port, std::string_view variable) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == text.npos) refuse(variable, "an IPv6 address lacks its closing bracket");
    host = text.substr(1, close - 1);
    if (const std::string_view rest = text.substr(close + 1); !rest.empty()) {
      if (rest.front() != ':') refuse(variable, "after an address in brackets comes :port or nothing");
      port = rest.substr(1);
    }
  } else if (const size_t colon = text.find(':'); colon != text.npos && text.find(':', colon + 1) == text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (host.empty()) refuse(variable, "a host is missing");
  if (port.empty()) return Endpoint(std::string(host), default_port);
  const auto number = parse_number(port, 65535);
  if (!number || *number == 0) refuse(variable, "a port must be a number from 1 to 65535");
  return Endpoint(std::string(host), *number);
}

std::string Target::description() const {
  std::string text = mode == Mode::sentinel  ? "redis behind sentinels at"
                     : mode == Mode::cluster ? "redis cluster at"
                                             : "redis at";
  for (size_t i = 0; i < servers.size(); ++i) text += (i == 0 ? " " : ", ") + servers[i].text();
  if (login.database != 0) text += fmt::format(", database {}", login.database);
  if (tls) text += check_certificate ? ", TLS" : ", TLS without a check of the certificate";
  return text;
}

Target resolve(const RedisSettings& original) {
  RedisSettings settings = original;
  Target target;
  std::string host = settings.host.empty() ? "localhost" : settings.host;
  std::string user;
  bool tls = settings.tls;
  const bool by_url = !settings.url.empty();
  if (by_url || is_url(host)) {
    const std::string_view variable = by_url ? "REDIS_URL" : "REDIS_HOST";
    Url url = parse_url(by_url ? settings.url : host, variable);
    apply_options(url, settings, target.remarks, variable);
    host = url.host.empty() ? "localhost" : url.host;
    // REDIS_URL stands for itself; one in REDIS_HOST is a host with more or less beside it.
    settings.port = url.port.value_or(by_url ? 6379 : settings.port);
    settings.database = url.database.value_or(by_url ? 0 : settings.database);
    user = url.user.value_or("");
    if (url.password) settings.password = *url.password;
    tls = tls || url.tls;
  }
  if (!user.empty() && settings.password.empty())
    refuse(by_url ? "REDIS_URL" : "REDIS_HOST", "names a user without a password");

  target.login.user = user;
  target.login.password = settings.password;
  if (settings.mode == "cluster") {
    target.mode = Mode::cluster;
    target.servers = parse_nodes(settings.cluster_nodes, 6379, "REDIS_CLUSTER_NODES");
    if (target.servers.empty()) target.servers.push_back(parse_endpoint(host, settings.port, "REDIS_HOST"));
    if (settings.database != 0) target.remarks.emplace_back("REDIS_DB: a cluster has database 0 only");
  } else if (settings.mode == "sentinel") {
    target.mode = Mode::sentinel;
    target.servers = parse_nodes(settings.sentinel_nodes, 26379, "REDIS_SENTINEL_NODES");
    if (target.servers.empty()) target.servers.push_back(parse_endpoint(host, 26379, "REDIS_HOST"));
    target.login.database = settings.sentinel_database;
    target.sentinel_login.password = settings.sentinel_password;
    if (settings.database != 0) target.remarks.emplace_back("REDIS_DB: behind sentinels, REDIS_SENTINEL_DB counts");
  } else {
    target.servers.push_back(parse_endpoint(host, settings.port, "REDIS_HOST"));
    target.login.database = settings.database;
  }

  target.tls = tls;
  target.check_certificate = settings.certificate_check != "none";
  target.check_hostname = target.check_certificate && settings.check_hostname;
  target.ca_file = settings.ca_file;
  target.certificate_file = settings.certificate_file;
  target.key_file = settings.key_file;
  if (target.certificate_file.empty() != target.key_file.empty()) {
    refuse("REDIS_SSL_CERTFILE", "a certificate and REDIS_SSL_KEYFILE belong together");
  }
  return target;
}

}  // namespace ci::store::redis
