#include "store/s3/role_provider.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <span>

#include "base/failure.h"
#include "base/time_text.h"
#include "store/s3/answers.h"
#include "store/s3/signature.h"

namespace ci::store::s3 {

namespace json = boost::json;
using net::client::Request;

namespace {

constexpr std::chrono::seconds patience{5};

net::client::Settings near_settings() {
  net::client::Settings settings;
  settings.proxies = false;
  settings.connect_timeout = std::chrono::milliseconds(1500);  // an address that is nobody's does not answer at all
  return settings;
}

// What containers and instances answer.
Credentials from_json(const std::string& text, const char* whom) {
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  Credentials found;
  const auto text_of = [&](const char* name) -> std::string {
    const json::value* value = parsed.is_object() ? parsed.get_object().if_contains(name) : nullptr;
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  if (!error) {
    found.access_key = text_of("AccessKeyId");
    found.secret_key = text_of("SecretAccessKey");
    found.session_token = text_of("Token");
    found.expires = parse_iso_time(text_of("Expiration"));
  }
  if (found.access_key.empty() || found.secret_key.empty()) {
    throw Failure(FailureKind::unavailable, fmt::format("{} gave no credentials", whom));
  }
  return found;
}

}  // namespace

RoleProvider::RoleProvider(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool)
    : settings_(settings), pool_(pool), outside_(executor, net::client::Settings()), near_(executor, near_settings()) {}

awaitable<Credentials> RoleProvider::fetch() {
  if (!settings_.role.token_file.empty()) co_return co_await from_web_identity();
  if (!settings_.role.container_url.empty() || !settings_.role.container_path.empty())
    co_return co_await from_container();
  co_return co_await from_instance();
}

awaitable<std::string> RoleProvider::read_token(std::string file) {
  auto read = [&file]() -> std::string {
    std::ifstream stream(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
  };
  std::string token = co_await on_pool(pool_, read);
  if (token.empty()) throw Failure(FailureKind::unavailable, fmt::format("there is no token in {}", file));
  co_return token;
}

awaitable<std::string> RoleProvider::ask(net::client::Client& client, Request request, const char* whom) {
  request.deadline = after(patience);
  const net::client::Response response = co_await client.send(std::move(request));
  if (response.head.status == 200) co_return response.body;
  const std::string code = error_code(response.body);
  throw Failure(
      FailureKind::unavailable,
      fmt::format("{} answered {}{}{}", whom, response.head.status, code.empty() ? "" : " ", code));
}

awaitable<Credentials> RoleProvider::from_web_identity() {
  const RoleSettings& role = settings_.role;
  const std::string token = co_await read_token(role.token_file);
  Pairs form{{"Action", "AssumeRoleWithWebIdentity"}, {"Version", "2011-06-15"}, {"DurationSeconds", "3600"}};
  if (!role.role_arn.empty()) form.emplace_back("RoleArn", role.role_arn);
  form.emplace_back("RoleSessionName", role.session_name.empty() ? "kubecoderun" : role.session_name);
  form.emplace_back("WebIdentityToken", token);
  const std::string body = encode_query(form);
  const std::string url =
      role.sts_endpoint.empty() ? fmt::format("https://sts.{}.amazonaws.com/", settings_.region) : role.sts_endpoint;
  Request request("POST", url);
  request.headers.emplace_back("Content-Type: application/x-www-form-urlencoded");
  request.body = std::as_bytes(std::span(body));
  const std::string answer = co_await ask(outside_, std::move(request), "the security token service");
  const auto assumed = parse_role(answer);
  if (!assumed) throw Failure(FailureKind::unavailable, "the security token service gave no credentials");
  Credentials found;
  found.access_key = assumed->access_key;
  found.secret_key = assumed->secret_key;
  found.session_token = assumed->session_token;
  found.expires = assumed->expires;
  co_return found;
}

awaitable<Credentials> RoleProvider::from_container() {
  const RoleSettings& role = settings_.role;
  constexpr const char* whom = "the container credentials endpoint";
  Request request(
      "GET", role.container_url.empty() ? "http://169.254.170.2" + role.container_path : role.container_url);
  std::string token = role.container_token;
  if (!role.container_token_file.empty()) token = co_await read_token(role.container_token_file);
  if (!token.empty()) request.headers.push_back("Authorization: " + token);
  const std::string answer = co_await ask(near_, std::move(request), whom);
  co_return from_json(answer, whom);
}

awaitable<Credentials> RoleProvider::from_instance() {
  constexpr const char* whom = "the instance metadata service";
  std::string base =
      settings_.role.metadata_endpoint.empty() ? "http://169.254.169.254" : settings_.role.metadata_endpoint;
  while (base.ends_with('/')) base.pop_back();
  Request for_token("PUT", base + "/latest/api/token");
  for_token.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds: 21600");
  const std::string token = co_await ask(near_, std::move(for_token), whom);
  const std::string place = base + "/latest/meta-data/iam/security-credentials/";
  Request for_name("GET", place);
  for_name.headers.push_back("X-aws-ec2-metadata-token: " + token);
  std::string name = co_await ask(near_, std::move(for_name), whom);
  name = name.substr(0, name.find_first_of("\r\n"));
  if (name.empty()) throw Failure(FailureKind::unavailable, "this instance has no role");
  Request for_role("GET", place + encode(name));
  for_role.headers.push_back("X-aws-ec2-metadata-token: " + token);
  const std::string answer = co_await ask(near_, std::move(for_role), whom);
  co_return from_json(answer, whom);
}

}  // namespace ci::store::s3
