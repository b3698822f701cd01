#include "api/files.h"

#include <fmt/format.h>

#include "api/auth.h"
#include "api/errors.h"
#include "api/json.h"
#include "base/ids.h"
#include "base/time_text.h"
#include "files/names.h"
#include "net/conditional.h"

namespace ci::api {

namespace json = boost::json;

namespace {

constexpr std::string_view unknown_type = "application/octet-stream";

std::string etag(const files::FileRecord& record) { return '"' + record.id + '"'; }
std::string full_name(const files::FileRecord& record) { return record.session + '/' + record.id; }
const std::string& original_name(const files::FileRecord& record) {
  return record.original_name.empty() ? record.name.text() : record.original_name;
}

// Hosts upload again what they believe to be 23 hours old. A live session's files are certain to stay as long as it
// does, so they are always fresh; unless it is about to end.
net::TimePoint freshness(const files::FileRecord& record, const std::optional<files::Session>& session) {
  const net::TimePoint now = std::chrono::system_clock::now();
  if (!session) return record.created;
  if (!session->active) return session->last_activity;
  if (session->expires && *session->expires - now < std::chrono::hours(1)) return record.created;
  return now;
}

json::object describe_simple(const files::FileRecord& record) {
  json::object entry;
  entry["id"] = record.id;
  entry["name"] = record.name.text();
  entry["path"] = '/' + record.name.text();
  return entry;
}

json::object describe_summary(const files::FileRecord& record, net::TimePoint modified) {
  json::object entry;
  entry["name"] = full_name(record);
  entry["lastModified"] = iso_time_z(modified);
  return entry;
}

json::object describe_normalized(const files::FileRecord& record) {
  json::object entry;
  entry["id"] = record.id;
  entry["name"] = record.name.text();
  entry["storage_session_id"] = record.session;
  entry["size"] = record.size;
  entry["contentType"] = record.content_type;
  entry["lastModified"] = iso_time_z(record.created);
  if (record.read_only) entry["read_only"] = true;
  return entry;
}

json::object describe_full(const files::FileRecord& record) {
  json::object entry;
  entry["name"] = record.name.text();
  entry["id"] = record.id;
  entry["session_id"] = record.session;
  entry["storage_session_id"] = record.session;
  entry["content"] = nullptr;
  entry["size"] = record.size;
  entry["lastModified"] = iso_time(record.created);
  entry["etag"] = etag(record);
  json::object& metadata = entry["metadata"].emplace_object();
  metadata["content-type"] = record.content_type;
  metadata["original-filename"] = original_name(record);
  entry["contentType"] = record.content_type;
  return entry;
}

void add_download_cors(net::Headers& headers) {
  headers.set("Access-Control-Allow-Origin", "*");
  headers.set("Access-Control-Allow-Methods", "GET, OPTIONS");
  headers.set("Access-Control-Allow-Headers", "x-api-key, Content-Type");
}

}  // namespace

bool FileRoutes::may_see(const net::Request& request, const std::optional<files::Session>& session) const {
  return !settings_.strict_ownership || (session && files::owns(caller_of(request), *session));
}

awaitable<files::FileRecord> FileRoutes::find(const net::Request& request) {
  const std::string session_id = request.captures.at(0);
  const std::string file_id = request.captures.at(1);
  if (!is_plausible_id(session_id) || !is_plausible_id(file_id)) throw ApiError(404, "File not found");
  if (settings_.strict_ownership) {
    const auto session = co_await sessions_.look_up(session_id);
    if (!may_see(request, session)) throw ApiError(404, "File not found");
  }
  auto record = co_await files_.find(session_id, file_id);
  if (!record) throw ApiError(404, "File not found");
  co_return std::move(*record);
}

awaitable<net::Response> FileRoutes::list(net::Request& request) {
  co_return co_await or_store_failed(list_files(request), "Failed to list files");
}

awaitable<net::Response> FileRoutes::list_files(const net::Request& request) {
  const std::string session_id = request.captures.at(0);
  json::array entries;
  if (is_plausible_id(session_id)) {
    const auto session = co_await sessions_.look_up(session_id);
    const bool is_over = session && files::has_expired(*session);  // only not yet cleared away
    std::vector<files::FileRecord> records;
    if (!is_over && may_see(request, session)) records = co_await files_.list(session_id);
    const std::string_view detail = request.query_value("detail").value_or("full");
    for (const files::FileRecord& record : records) {
      if (record.removed) continue;
      if (detail == "simple") {
        entries.push_back(describe_simple(record));
      } else if (detail == "summary") {
        entries.push_back(describe_summary(record, freshness(record, session)));
      } else if (detail == "normalized") {
        entries.push_back(describe_normalized(record));
      } else {
        entries.push_back(describe_full(record));
      }
    }
  }
  co_return json_response(200, entries);
}

awaitable<net::Response> FileRoutes::remove(net::Request& request) {
  const std::string failed = "Failed to delete file";
  const files::FileRecord record = co_await or_store_failed(find(request), failed);
  const bool removed = co_await or_store_failed(files_.remove(record.session, record.id), failed);
  if (!removed) throw ApiError(404, "File not found");
  json::object body;
  body["message"] = "File deleted successfully";
  body["session_id"] = record.session;
  body["fileId"] = record.id;
  co_return json_response(200, body);
}

awaitable<net::Response> FileRoutes::describe(net::Request& request) {
  const files::FileRecord record = co_await find(request);
  const auto session = co_await sessions_.look_up(record.session);
  json::object body;
  body["id"] = record.id;
  body["name"] = full_name(record);
  body["originalFilename"] = original_name(record);
  body["session_id"] = record.session;
  body["storage_session_id"] = record.session;
  body["size"] = record.size;
  body["lastModified"] = iso_time_z(freshness(record, session));
  body["etag"] = etag(record);
  body["contentType"] = record.content_type;
  body["readOnly"] = record.read_only;
  co_return json_response(200, body);
}

awaitable<net::Response> FileRoutes::download(net::Request& request) {
  const files::FileRecord record = co_await find(request);
  net::Response response;
  response.headers.set("Cache-Control", "private, max-age=3600");
  response.headers.set("ETag", etag(record));
  response.headers.set("Last-Modified", net::http_date(record.created));
  response.headers.set("Accept-Ranges", "bytes");
  response.headers.set("Access-Control-Expose-Headers", "Content-Disposition");
  add_download_cors(response.headers);
  if (net::is_known_to(request.headers, etag(record), record.created)) {
    response.status = 304;
    co_return response;
  }
  const net::Selection part = net::select_bytes(request.headers, etag(record), record.created, record.size);
  if (part.kind == net::Selection::Kind::none) {
    ApiError error(416, "Range not satisfiable");
    response = error.response(request.id);
    response.headers.set("Content-Range", "bytes */" + std::to_string(record.size));
    co_return response;
  }
  store::Range range;  // all of it
  if (part.kind == net::Selection::Kind::part) range = store::Range(part.offset, part.length);
  auto content = co_await files_.open(record, range);
  if (!content) throw ApiError(404, "File content not found");
  if (part.kind == net::Selection::Kind::part) {
    response.status = 206;
    const std::uint64_t last = part.offset + part.length - 1;
    response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", part.offset, last, record.size));
  }
  const bool is_known = !record.content_type.empty() && record.content_type != unknown_type;
  response.headers.set(
      "Content-Type", is_known ? record.content_type : std::string(files::content_type_for(record.name.text())));
  response.headers.set("Content-Disposition", files::content_disposition(original_name(record)));
  if (record.read_only) response.headers.set("X-Read-Only", "true");
  response.body = net::SourceBody(std::move(content->body), content->size);
  co_return response;
}

awaitable<net::Response> FileRoutes::allow_download(net::Request&) {
  net::Response response;
  response.status = 204;
  add_download_cors(response.headers);
  response.headers.set("Access-Control-Max-Age", "3600");
  co_return response;
}

}  // namespace ci::api
