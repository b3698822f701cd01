#include "api/service_fixture.h"

namespace ci::api {
namespace {

TEST_F(ServiceTest, FilesGoInAndOut) {
  const Answer uploaded = post(
      "/upload",
      form({{"name=\"file\"; filename=\"my file.csv\"", "a,b"}, {"name=\"files\"; filename=\"d/x.md\"", ""}}),
      form_type);
  ASSERT_EQ(uploaded.status, 200) << uploaded.text;
  const std::string session(uploaded.json.at("session_id").as_string());
  const auto& entries = uploaded.json.at("files").as_array();
  EXPECT_EQ(entries.at(0).at("filename").as_string(), "my_file.csv");
  EXPECT_EQ(entries.at(1).at("filename").as_string(), "d/x.md");
  const std::string file(entries.at(0).at("fileId").as_string());

  const Answer listed = get("/files/" + session);
  EXPECT_EQ(listed.json.as_array().size(), 2u);
  EXPECT_EQ(listed.json.at(0).at("metadata").at("original-filename").as_string(), "my file.csv");
  EXPECT_EQ(listed.json.at(0).at("contentType").as_string(), "text/csv");
  EXPECT_EQ(get("/files/unknown").text, "[]");

  const Answer downloaded = get("/download/" + session + "/" + file);
  EXPECT_EQ(downloaded.text, "a,b");
  EXPECT_EQ(downloaded.headers.find("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(get("/sessions/" + session + "/objects/" + file).json.at("size").to_number<int>(), 3);
  EXPECT_EQ(send(request("DELETE", "/files/" + session + "/" + file)).status, 200);
  EXPECT_EQ(get("/download/" + session + "/" + file).status, 404);
  EXPECT_EQ(send(request("DELETE", "/files/" + session + "/" + file)).status, 404);
  EXPECT_EQ(send(request("OPTIONS", "/download/a/b")).status, 204);
}

TEST_F(ServiceTest, FieldsMayFollowTheFiles) {
  const std::pair<std::string, std::string> file("name=\"file\"; filename=\"d/a.txt\"", "x");
  const std::pair<std::string, std::string> entity("name=\"entity_id\"", "agent_1");
  const auto session = [&](std::vector<std::pair<std::string, std::string>> parts) {
    return std::string(post("/upload", form(parts), form_type).json.at("session_id").as_string());
  };
  const std::string first = session({entity, file});
  EXPECT_EQ(session({file, entity}), first);
  EXPECT_NE(session({file, entity, {"name=\"kind\"", "agent"}}), first);
  const Answer listed = get("/files/" + first);
  EXPECT_EQ(listed.json.as_array().size(), 2u);
  const std::string second(listed.json.at(1).at("id").as_string());
  EXPECT_EQ(get("/download/" + first + "/" + second).text, "x");
}

TEST_F(ServiceTest, RefusedUploadsLeaveNothing) {
  settings_.files.file_bytes = 1 << 20;
  settings_.files.files_per_request = 2;
  settings_.files.blocked_patterns = {"*.exe"};
  const std::string large((1 << 20) + 1, 'x');
  const Answer too_large = post(
      "/upload", form({{"name=\"file\"; filename=\"a.txt\"", "x"}, {"name=\"file\"; filename=\"b.txt\"", large}}),
      form_type);
  EXPECT_EQ(too_large.status, 413);
  EXPECT_EQ(too_large.json.at("error").as_string(), "File b.txt exceeds maximum size of 1MB");
  EXPECT_EQ(post("/upload", form({{"name=\"file\"; filename=\"A.EXE\"", "x"}}), form_type).status, 415);
  const std::pair<std::string, std::string> small("name=\"file\"; filename=\"a.txt\"", "x");
  EXPECT_EQ(
      post("/upload", form({small, small, small}), form_type).json.at("error").as_string(),
      "Too many files. Maximum 2 files allowed");
  EXPECT_EQ(post("/upload", form({{"name=\"kind\"", "user"}}), form_type).status, 422);
  EXPECT_EQ(post("/upload", form({small}).substr(0, 60), form_type).status, 400);
  EXPECT_TRUE(loop_.run(bodies_->list("sessions/", "", 100)).objects.empty());
}

TEST_F(ServiceTest, ABatchAnswersForEachFile) {
  settings_.files.file_bytes = 4;
  const Answer answer = post(
      "/upload/batch",
      form(
          {{"name=\"file\"; filename=\"s/a b.md\"", "1"},
           {"name=\"file\"; filename=\"../x\"", "2"},
           {"name=\"file\"; filename=\"large\"", "12345"},
           {"name=\"file\"; filename=\"c.md\"", "3"},
           {"name=\"kind\"", "skill"}}),
      form_type);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json.at("message").as_string(), "partial_success");
  EXPECT_EQ(answer.json.at("succeeded").as_int64(), 2);
  EXPECT_EQ(answer.json.at("files").at(0).at("filename").as_string(), "s/a b.md");
  EXPECT_EQ(answer.json.at("files").at(1).at("error").as_string(), "Invalid filename");
  EXPECT_EQ(answer.json.at("files").at(3).at("status").as_string(), "success");
  const std::string session(answer.json.at("storage_session_id").as_string());
  const std::string file(answer.json.at("files").at(3).at("fileId").as_string());
  EXPECT_EQ(get("/download/" + session + "/" + file).headers.find("X-Read-Only"), "true");
}

TEST_F(ServiceTest, StrictOwnershipHidesForeignFiles) {
  settings_.strict_ownership = true;
  const Answer uploaded = post("/upload", form({{"name=\"file\"; filename=\"a\"", "x"}}), form_type);
  const std::string session(uploaded.json.at("session_id").as_string());
  EXPECT_EQ(get("/files/" + session).json.as_array().size(), 1u);
  files::Session foreign = sessions_.draft(files::Caller("other", ""), "", false);
  foreign.id = session;
  loop_.run(files_.commit(sessions_.writes_for(foreign)));
  EXPECT_EQ(get("/files/" + session).text, "[]");
  const std::string file(uploaded.json.at("files").at(0).at("fileId").as_string());
  EXPECT_EQ(get("/download/" + session + "/" + file).status, 404);
}

TEST_F(ServiceTest, AnUploadThatMayBeOnRecordKeepsItsBody) {
  store::testing::HookedRecords late(*records_);
  late.after = [](std::string operation, std::string) -> awaitable<void> {
    if (operation == "write") throw Failure(FailureKind::unavailable, "no answer in time");
    co_return;
  };
  files::SessionFiles through(late, *bodies_);
  UploadRoutes routes(sessions_, through, settings_);
  StringSource body(
      "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ntext\r\n--x--\r\n");
  net::Request wanted = request("POST", "/upload");
  wanted.headers.add("Content-Type", "multipart/form-data; boundary=x");
  wanted.body = &body;
  EXPECT_THROW(loop_.run(routes.upload(wanted)), ApiError);
  const auto bodies = loop_.run(bodies_->list("sessions/", "", 10));
  EXPECT_EQ(bodies.objects.size(), 1u);
}

TEST_F(ServiceTest, ListsTheFilesOfASessionAsLongAsItLasts) {
  const auto change = [&](const std::string& session, store::Fields fields) {
    std::vector<store::Write> writes;
    writes.push_back(store::Write::set_fields("sessions:" + session, std::move(fields)));
    loop_.run(records_->write(std::move(writes)));
  };
  const files::Session session = sessions_.draft(files::Caller("env", ""), "", false);
  std::vector<store::Write> writes = sessions_.writes_for(session);
  files::FileRecord file(*RelativePath::parse("a.txt"));
  file.id = "f";
  file.session = session.id;
  file.object_key = "sessions/" + session.id + "/uploads/f";
  std::ranges::move(files_.writes_for(file), std::back_inserter(writes));
  loop_.run(records_->write(std::move(writes)));

  const std::string path = "/files/" + session.id;
  const auto modified = [&] {
    net::Request wanted = request("GET", path);
    wanted.query.emplace_back("detail", "summary");
    return send(std::move(wanted)).json;
  };
  change(session.id, {{"status", "terminated"}, {"last_activity", "2026-01-09T10:20:55.000000+00:00"}});
  ASSERT_EQ(modified().as_array().size(), 1u);
  EXPECT_THAT(std::string(modified().at(0).at("lastModified").as_string()), StartsWith("2026-01-09T10:20:55"));
  change(session.id, {{"expires_at", "2026-01-10T10:20:55+00:00"}});
  EXPECT_TRUE(get(path).json.as_array().empty());
}

}  // namespace
}  // namespace ci::api
