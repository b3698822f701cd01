// The routes for files of the runner before this one: they come before its program, and are asked for afterwards.
#include <boost/json.hpp>
#include <span>

#include "base/failure.h"
#include "net/multipart.h"
#include "pool/stream/spool.h"
#include "runner/answers.h"
#include "runner/runner.h"

namespace ci::runner {

namespace json = boost::json;

namespace {

std::string name_in(const net::Request& request) {
  std::string name;
  for (std::size_t i = 1; i < request.segments.size(); ++i) name += (i > 1 ? "/" : "") + request.segments[i];
  return name;
}

}  // namespace

awaitable<net::Response> Runner::upload(net::Request& request) {
  const auto boundary = net::multipart_boundary(request.headers.find("Content-Type").value_or(""));
  if (!boundary) co_return refusal(400, "Invalid multipart form");
  net::MultipartReader reader(*request.body, *boundary);
  json::array uploaded;
  std::uint64_t total = 0;
  for (;;) {
    const auto part = co_await reader.next_part();
    if (!part) break;
    if (!part->filename) continue;
    const std::string name = part->filename->substr(part->filename->find_last_of('/') + 1);
    if (name.starts_with('.') || !RelativePath::parse(name)) continue;
    pool::Spool spool(settings_.spool, blocking_);
    std::string piece(64 << 10, '\0');
    for (;;) {
      const std::size_t count = co_await reader.part_body().read_some(std::as_writable_bytes(std::span(piece)));
      if (count == 0) break;
      total += count;
      if (total > settings_.request_bytes) throw Failure(FailureKind::exhausted, "Too much at once");
      co_await spool.add(std::string_view(piece).substr(0, count));
    }
    const std::uint64_t size = spool.size();
    std::unique_ptr<ByteSource> file = co_await spool.take();
    files_.put(name, std::move(file), size);
    json::object entry;
    entry["name"] = name;
    entry["path"] = std::string(working_directory) + "/" + name;
    entry["size"] = size;
    uploaded.push_back(std::move(entry));
  }
  json::object body;
  body["uploaded"] = std::move(uploaded);
  co_return answer(200, body);
}

net::Response Runner::get_file(const net::Request& request) {
  const std::string name = name_in(request);
  if (!name.empty() && !RelativePath::parse(name)) return plain_refusal(403, "Access denied");
  std::uint64_t size = 0;
  if (auto file = files_.open(name, size)) {
    net::Response response;
    response.headers.set("Content-Type", "application/octet-stream");
    response.body = net::SourceBody(std::move(file), size);
    return response;
  }
  const auto entries = files_.list(name);
  if (entries.empty() && !name.empty()) return plain_refusal(404, "File not found");
  json::object body;
  json::array& list = body["files"].emplace_array();
  for (const HeldFiles::Entry& entry : entries) {
    json::object one;
    one["name"] = entry.name;
    one["path"] = std::string(working_directory) + "/" + (name.empty() ? "" : name + "/") + entry.name;
    one["size"] = entry.size;
    list.push_back(std::move(one));
  }
  return answer(200, body);
}

net::Response Runner::remove_file(const net::Request& request) {
  const std::string name = name_in(request);
  if (name.empty()) return plain_refusal(403, "Cannot delete working directory");
  if (!RelativePath::parse(name)) return plain_refusal(403, "Access denied");
  if (!files_.remove(name)) return plain_refusal(404, "File not found");
  json::object body;
  body["deleted"] = name;
  return answer(200, body);
}

}  // namespace ci::runner
