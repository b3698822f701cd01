#include "api/profile.h"

#include "api/errors.h"

namespace ci::api {

namespace {

constexpr std::string_view stateless = "default";
constexpr std::string_view stateful = "stateful";

std::string_view expected_profile(const net::Request& request) {
  return request.headers.find("X-CodeAPI-Expected-Profile").value_or("");
}

ApiError wrong_profile(int status, std::string error, std::string message, std::string_view expected) {
  ApiError refusal(status, std::move(error));
  refusal.set_message(std::move(message));
  refusal.tell("expected_profile", std::string(expected));
  refusal.tell("actual_profile", std::string(stateless));
  return refusal;
}

}  // namespace

void check_environment(const net::Request& request, const ApiSettings& settings) {
  // To run it here instead would be wrong: the program is meant for the files of another machine.
  for (const char* name : {"X-LibreChat-Code-Workspace-ID", "X-LibreChat-Code-Worker-ID"}) {
    if (request.headers.find(name).value_or("").empty()) continue;
    throw ApiError::unsupported(
        "This server has no workspaces on users' machines; use an environment of the type \"managed\"");
  }
  const std::string_view expected = expected_profile(request);
  if (expected.empty() || expected == stateless) return;
  if (expected != stateful) {
    throw wrong_profile(
        400, "invalid_execution_profile", "X-CodeAPI-Expected-Profile must be default or stateful", expected);
  }
  if (settings.named_sessions) return;
  throw wrong_profile(
      409, "execution_profile_mismatch", "Named sessions are off (NAMED_SESSIONS): no files stay in /mnt/data",
      expected);
}

bool may_name_session(const net::Request& request) { return expected_profile(request) != stateless; }

std::string_view profile_of(const net::Request& request, const ApiSettings& settings) {
  return settings.named_sessions && expected_profile(request) == stateful ? stateful : stateless;
}

}  // namespace ci::api
