#include "api/exec_json.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "api/errors.h"

namespace ci::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> languages = {"py", "js", "bash"};

execution::ExecutionRequest parse(std::string_view body) {
  return parse_execution(body, languages, std::chrono::seconds(30));
}

// The status and, for 422, "field:code" of each detail.
std::pair<int, std::vector<std::string>> refusal(std::string_view body) {
  try {
    parse(body);
  } catch (const ApiError& error) {
    const auto response = error.response("id");
    const auto envelope = boost::json::parse(std::get<std::string>(response.body));
    std::vector<std::string> details;
    if (envelope.at("details").is_array()) {
      for (const auto& detail : envelope.at("details").as_array()) {
        details.push_back(
            std::string(detail.at("field").as_string()) + ":" + std::string(detail.at("code").as_string()));
      }
    }
    return {error.status(), details};
  }
  return {200, {}};
}

std::pair<int, std::vector<std::string>> invalid(std::vector<std::string> details) { return {422, std::move(details)}; }

TEST(ParseExecution, TakesNoMoreThanItCanLookAt) {
  const auto with = [](std::string_view name, std::string_view item, int count) {
    std::string body = R"({"lang":"py","code":"1",")" + std::string(name) + R"(":[)";
    for (int i = 0; i < count; ++i) body += (i > 0 ? "," : "") + std::string(item);
    return refusal(body + "]}");
  };
  EXPECT_EQ(with("args", "1", 10000), std::pair(200, std::vector<std::string>()));
  EXPECT_EQ(with("args", "1", 10001), invalid({"body -> args:too_long"}));
  EXPECT_EQ(
      with("files", R"({"id":"1","name":"a","session_id":"s"})", 1000), std::pair(200, std::vector<std::string>()));
  EXPECT_EQ(with("files", "{}", 1001), invalid({"body -> files:too_long"}));
}

TEST(ParseExecution, TakesWhatClientsSend) {
  const auto request =
      parse(R"json({"lang":"PYTHON","code":"print(1)","intent":{"x":[1]},"user_id":"u","entity_id":"e-1",
    "session_id":"s","timeout":1500.0,"files":[
      {"id":"1","name":"a","session_id":"old"},
      {"id":"2","name":"b","storage_session_id":"new","session_id":"x","kind":"skill","version":"3","entity_id":"e"},
      {"id":"3","name":"c","storage_session_id":"","session_id":"old","kind":5}]})json");
  EXPECT_EQ(request.language, "py");
  EXPECT_EQ(request.code, "print(1)");
  EXPECT_EQ(request.caller.user, "u");
  EXPECT_EQ(request.entity_id, "e-1");
  EXPECT_EQ(request.session_id, "s");
  EXPECT_EQ(request.time_limit, std::chrono::seconds(2));
  ASSERT_EQ(request.files.size(), 3u);
  EXPECT_EQ(request.files[0].session, "old");
  EXPECT_FALSE(request.files[0].by_storage_session);
  EXPECT_EQ(request.files[1].session, "new");
  EXPECT_TRUE(request.files[1].by_storage_session);
  EXPECT_EQ(request.files[1].kind, "skill");
  EXPECT_EQ(request.files[1].entity, "e");
  EXPECT_EQ(request.files[2].session, "old");
}

TEST(ParseExecution, TheLastOfDuplicateKeysWins) {
  EXPECT_EQ(parse(R"({"lang":"py","code":"1","code":"2"})").code, "2");
}

TEST(ParseExecution, ArgumentsAreTexts) {
  const auto arguments = [](const std::string& json) {
    return parse(R"({"lang":"py","code":"1","args":)" + json + "}").arguments;
  };
  EXPECT_THAT(arguments("null"), IsEmpty());
  EXPECT_THAT(arguments("\"  \""), IsEmpty());
  EXPECT_THAT(arguments("\"two words\""), ElementsAre("two words"));
  EXPECT_THAT(arguments("5"), ElementsAre("5"));
  EXPECT_THAT(arguments("1.5"), ElementsAre("1.5"));
  EXPECT_THAT(arguments("2.0"), ElementsAre("2.0"));
  EXPECT_THAT(arguments(R"(["a",null,""," ",true,1,{"x":[2]}])"), ElementsAre("a", "true", "1", R"({"x":[2]})"));
}

TEST(ParseExecution, TheTimeLimitIsClamped) {
  const auto limit = [](const std::string& json) {
    return parse(R"({"lang":"py","code":"1","timeout":)" + json + "}").time_limit;
  };
  EXPECT_EQ(limit("1"), std::chrono::seconds(1));
  EXPECT_EQ(limit("1000"), std::chrono::seconds(1));
  EXPECT_EQ(limit("null"), std::chrono::seconds(30));
  EXPECT_EQ(limit("1e300"), std::chrono::seconds(30));
  EXPECT_EQ(limit("18446744073709551615"), std::chrono::seconds(30));
}

TEST(ParseExecution, NamesEveryBadField) {
  EXPECT_EQ(
      refusal(R"({"code":1,"files":2})"),
      invalid({"body -> code:string_type", "body -> lang:missing", "body -> files:list_type"}));
  EXPECT_EQ(
      refusal(R"({"lang":"py","code":"1","entity_id":"a\n"})"), invalid({"body -> entity_id:string_pattern_mismatch"}));
  EXPECT_EQ(refusal(R"({"lang":"py","code":"1","timeout":0})"), invalid({"body -> timeout:greater_than_equal"}));
  EXPECT_EQ(refusal(R"({"lang":"py","code":"1","timeout":"5"})"), invalid({"body -> timeout:int_type"}));
  EXPECT_EQ(
      refusal(R"({"lang":"py","code":"1","files":[{"id":"a","name":"n","session_id":"s"},{"name":"n"}, 5]})"),
      invalid(
          {"body -> files -> 1 -> id:missing", "body -> files -> 1 -> session_id:missing",
           "body -> files -> 2:model_attributes_type"}));
  EXPECT_EQ(refusal("[]"), invalid({"body:model_attributes_type"}));
  EXPECT_EQ(refusal(""), invalid({"body:missing"}));
}

TEST(ParseExecution, SaysWhereJsonIsMalformed) {
  EXPECT_EQ(refusal("nonsense"), invalid({"body -> 0:json_invalid"}));
  EXPECT_EQ(refusal("{\"lang\":\"py\""), invalid({"body -> 12:json_invalid"}));
  EXPECT_EQ(refusal("{} x"), invalid({"body -> 3:json_invalid"}));
  EXPECT_EQ(refusal(std::string(100000, '[')).first, 422);
}

TEST(ParseExecution, ChecksTheLanguageBeforeTheCode) {
  EXPECT_EQ(
      refusal(R"({"lang":"cobol","code":" "})"),
      (std::pair<int, std::vector<std::string>>(400, {"lang:unsupported_language"})));
  for (const std::string blank : {" \\n", "\xc2\xa0\xe3\x80\x80\\t", "\\u2028\\u001c"}) {
    EXPECT_EQ(
        refusal(R"({"lang":"py","code":")" + blank + "\"}"),
        (std::pair<int, std::vector<std::string>>(400, {"code:empty_code"})));
  }
}

TEST(ParseExecution, AFloodOfValuesIsRefusedWhereLongTextsAreFine) {
  std::string flood = R"({"lang":"bash","code":"true","pad":[0)";
  while (flood.size() < (30 << 20)) flood += ",0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0";
  flood += "]}";
  EXPECT_EQ(refusal(flood).first, 413);
  std::string text = R"({"lang":"bash","code":")";
  for (int i = 0; i < 1 << 20; ++i) text += R"(echo \"\u00e9, [0], {1}\"\n)";
  text += R"("})";
  EXPECT_EQ(parse(text).code.size(), std::size_t{20} << 20);
}

TEST(DescribeResult, HasEveryField) {
  execution::ExecutionResult result;
  result.session = "s";
  result.out = "x\n";
  execution::ResultFile& file = result.files.emplace_back();
  file.id = "f";
  file.name = "a";
  file.session = "s";
  file.modified_from_id = "g";
  file.modified_from_session = "t";
  result.outcome.ended = pool::Ended::timed_out;
  result.outcome.signal = 9;
  result.outcome.wall_time = std::chrono::microseconds(1500);
  EXPECT_EQ(
      describe_result(result),
      R"({"session_id":"s","storage_session_id":"s","files":[{"id":"f","name":"a","path":null,"session_id":"s",)"
      R"("storage_session_id":"s","modified_from":{"id":"g","storage_session_id":"t"}}],"stdout":"x\n","stderr":"",)"
      R"("has_state":false,"state_size":null,"state_hash":null,"code":null,"signal":"SIGKILL","status":"TO",)"
      R"("message":"Time limit exceeded","wall_time":2})");
}

}  // namespace
}  // namespace ci::api
