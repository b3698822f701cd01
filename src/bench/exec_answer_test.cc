#include "bench/exec_answer.h"

#include <gtest/gtest.h>

namespace ci::bench {
namespace {

ExecAnswer answer_of(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.body = std::move(body);
  return parse_answer(reply);
}

TEST(ExecAnswer, ReadsWhatARunAnswers) {
  const ExecAnswer answer = answer_of(200, R"({"session_id":"S","stdout":"a\n","stderr":"e","has_state":true,
      "state_size":1234,"files":[{"id":"F","name":"x.png","storage_session_id":"T"},{"id":"G","name":"y"}]})");
  EXPECT_EQ(answer.out, "a\n");
  EXPECT_EQ(answer.err, "e");
  EXPECT_EQ(answer.session, "S");
  EXPECT_TRUE(answer.has_state);
  EXPECT_EQ(answer.state_bytes, 1234);
  ASSERT_EQ(answer.files.size(), 2);
  EXPECT_EQ(answer.files[0].session, "T");
  EXPECT_EQ(answer.files[1].session, "S");
  EXPECT_EQ(complaint(answer, "a\n", 2), "");
  EXPECT_EQ(reason_to_skip(answer), "");
}

TEST(ExecAnswer, ComplainsAboutWhatIsWrong) {
  EXPECT_NE(complaint(answer_of(200, R"({"stdout":"b\n","stderr":"why"})"), "a\n", 0).find("why"), std::string::npos);
  EXPECT_NE(complaint(answer_of(503, R"({"error":"full"})"), "a\n", 0).find("503 full"), std::string::npos);
  EXPECT_EQ(complaint(answer_of(200, "<html>"), "", 0), "the answer is not JSON");
  EXPECT_EQ(complaint(answer_of(200, R"({"stdout":"a\n","files":[]})"), "a\n", 1), "1 of 1 files are missing");
  EXPECT_NE(complaint(answer_of(200, R"({"stdout":5,"files":{}})"), "5", 0), "");
}

TEST(ExecAnswer, WhatTheServerLacksIsSkipped) {
  EXPECT_EQ(
      reason_to_skip(answer_of(400, R"({"error":"Unsupported programming language: d"})")),
      "the server does not offer it");
  EXPECT_EQ(
      reason_to_skip(answer_of(200, R"({"stdout":"","stderr":"ModuleNotFoundError: No module named 'cv2'\n"})")),
      "the server has no module named 'cv2'");
  const std::string missing = R"({"stderr":"FileNotFoundError: [Errno 2] No such file or directory: ')";
  EXPECT_EQ(reason_to_skip(answer_of(200, missing + "soffice'\\n\"}")), "the server has no command soffice");
  EXPECT_EQ(reason_to_skip(answer_of(200, missing + "report.pdf'\\n\"}")), "");
  EXPECT_EQ(reason_to_skip(answer_of(400, R"({"error":"Code cannot be empty"})")), "");
  EXPECT_EQ(reason_to_skip(answer_of(503, R"({"error":"No module named x"})")), "");
}

}  // namespace
}  // namespace ci::bench
