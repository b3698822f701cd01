#include "api/upload.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <boost/system/system_error.hpp>
#include <cctype>

#include "api/auth.h"
#include "api/errors.h"
#include "api/json.h"
#include "base/ascii.h"
#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/utf8.h"
#include "files/names.h"

namespace ci::api {

namespace json = boost::json;

namespace {

constexpr std::uint64_t field_limit = 64 << 10;
constexpr const char* not_stored = "Failed to upload files";
constexpr std::size_t batch_files = 200;    // at least, whatever the limit of other requests
constexpr std::size_t session_factor = 10;  // a session holds so many times the files of one request

bool is_true(std::string_view text) {
  const std::string value = lower_case(text);
  return value == "1" || value == "true" || value == "yes";
}

std::uint64_t megabytes(std::uint64_t bytes) { return bytes >> 20; }

ApiError no_files() { return ApiError::invalid({{"body -> files", "Field required", "missing"}}); }

ApiError request_too_large(std::uint64_t limit) {
  return ApiError(413, fmt::format("Files exceed maximum total size of {}MB", megabytes(limit)));
}

// A type that can be sent back in a header; what the client called it otherwise does not matter.
std::string clean_content_type(const std::string& sent, const RelativePath& name) {
  const auto is_plain = [](unsigned char c) { return c >= 0x20 && c < 0x7f; };
  if (sent.contains('/') && sent.size() <= 200 && std::ranges::all_of(sent, is_plain)) return sent;
  return std::string(files::content_type_for(name.text()));
}

// Replaces what is no character, so that an odd name can be echoed in JSON.
std::string printable(std::string_view name) {
  if (is_utf8(name)) return std::string(name);
  std::string text(name);
  std::ranges::replace_if(text, [](unsigned char c) { return c >= 0x80; }, '_');
  return text;
}

awaitable<std::string> read_field(ByteSource& body) {
  std::string text;
  std::vector<std::byte> piece(4096);
  for (;;) {
    const std::size_t count = co_await body.read_some(piece);
    if (count == 0) co_return text;
    text.append(reinterpret_cast<const char*>(piece.data()), count);
    if (text.size() > field_limit) throw Failure(FailureKind::invalid, "Form field too long");
  }
}

}  // namespace

// The text fields.
struct UploadRoutes::Form {
  std::string entity, kind;
  bool read_only = false;

  void set(std::string_view name, std::string value) {
    if (name == "entity_id") entity = std::move(value);
    if (name == "kind") kind = lower_case(value);
    if (name == "read_only") read_only = is_true(value);
  }
  // Known to more than one user.
  bool is_shared() const { return kind == "agent" || kind == "skill" || read_only; }
  bool is_read_only() const { return kind == "skill" || read_only; }
};

// One file of the form, in order.
struct UploadRoutes::Entry {
  Entry() = default;
  std::string sent_name;
  std::optional<files::FileRecord> record;
  std::string error;
};

struct UploadRoutes::Received {
  Received() = default;
  Form form;
  std::vector<Entry> entries;
  std::optional<files::Session> session;
  bool session_is_new = false;
  std::uint64_t bytes = 0;         // of all files
  bool store_failed = false;       // for one of the files
  bool perhaps_on_record = false;  // the store was asked, and nobody knows what became of it
};

// Counts what a file brings and stops at the limits.
class UploadRoutes::LimitedSource final : public ByteSource {
 public:
  LimitedSource(ByteSource& source, std::uint64_t file_limit, std::uint64_t request_limit, std::uint64_t& request_bytes)
      : source_(source), file_limit_(file_limit), request_limit_(request_limit), request_bytes_(request_bytes) {}

  awaitable<std::size_t> read_some(std::span<std::byte> into) override {
    const std::size_t count = co_await source_.read_some(into);
    bytes_ += count;
    request_bytes_ += count;
    if (bytes_ > file_limit_) {
      too_large_ = true;
      throw Failure(FailureKind::exhausted, "File too large");
    }
    if (request_limit_ != 0 && request_bytes_ > request_limit_) throw request_too_large(request_limit_);
    co_return count;
  }

  bool too_large() const { return too_large_; }

 private:
  ByteSource& source_;
  std::uint64_t file_limit_, request_limit_;
  std::uint64_t& request_bytes_;
  std::uint64_t bytes_ = 0;
  bool too_large_ = false;
};

bool UploadRoutes::is_allowed(std::string_view name) const {
  const std::string base = lower_case(name.substr(name.rfind('/') + 1));
  const auto matches = [&](const std::string& pattern) {
    return ::fnmatch(lower_case(pattern).c_str(), base.c_str(), 0) == 0;
  };
  if (std::ranges::any_of(limits_.blocked_patterns, matches)) return false;
  const std::size_t dot = base.rfind('.');
  if (limits_.allowed_extensions.empty() || dot == base.npos) return true;
  const std::string extension = base.substr(dot);
  return std::ranges::any_of(limits_.allowed_extensions, [&](const std::string& one) {
    const std::string allowed = lower_case(one);
    return allowed == extension || '.' + allowed == extension;
  });
}

std::size_t UploadRoutes::most_files(Mode mode) const {
  const auto limit = static_cast<std::size_t>(limits_.files_per_request);
  return mode == Mode::each ? std::max(limit, batch_files) : limit;
}

awaitable<files::Session> UploadRoutes::session_for(const Form& form, const net::Request& request, bool& is_new) {
  if (!form.entity.empty() && !is_plausible_id(form.entity)) {
    throw ApiError::invalid(
        {{"body -> entity_id", "String should match pattern '^[A-Za-z0-9_-]+$'", "string_pattern_mismatch"}});
  }
  const files::Caller caller = caller_of(request);
  if (!form.entity.empty() && !form.is_shared()) {
    auto known = co_await sessions_.find_by_entity(form.entity, caller);
    if (known) {
      is_new = false;
      co_return std::move(*known);
    }
  }
  is_new = true;
  co_return sessions_.draft(caller, form.entity, form.is_shared());
}

awaitable<void> UploadRoutes::receive_file(
    const net::PartHeader& part, ByteSource& body, const net::Request& request, Mode mode, Received& received) {
  Entry& entry = received.entries.emplace_back();
  // A name of a batch comes back as it was sent, or the client takes the file for lost.
  entry.sent_name = mode == Mode::each ? part.exact_filename : *part.filename;
  const auto exact = RelativePath::parse(entry.sent_name);
  const auto longest = static_cast<std::size_t>(limits_.name_characters);
  if (mode == Mode::each && (!exact || files::is_too_long(*exact, longest))) {
    entry.error = "Invalid filename";
    co_return;
  }
  if (!is_allowed(entry.sent_name)) {
    entry.error = "File type not allowed: " + printable(entry.sent_name);
    if (mode == Mode::together) throw ApiError(415, entry.error);
    co_return;
  }
  if (!received.session) {
    auto session = session_for(received.form, request, received.session_is_new);
    received.session = co_await or_store_failed(std::move(session), not_stored);
  }
  files::FileRecord record(mode == Mode::each ? *exact : files::flat_name(entry.sent_name, longest));
  record.session = received.session->id;
  record.original_name = printable(entry.sent_name);
  record.content_type = clean_content_type(part.content_type, record.name);
  LimitedSource limited(body, limits_.file_bytes, limits_.request_bytes, received.bytes);
  try {
    entry.record = co_await files_.store_body(std::move(record), limited, limits_.file_bytes);
  } catch (const Failure& failure) {
    const bool too_large = limited.too_large();
    if (too_large && mode == Mode::together) {
      throw ApiError(
          413, fmt::format(
                   "File {} exceeds maximum size of {}MB", printable(entry.sent_name), megabytes(limits_.file_bytes)));
    }
    // What the client did wrong has its own status; the rest is ours.
    const bool is_ours = failure.kind() != FailureKind::invalid && failure.kind() != FailureKind::timeout;
    if (!too_large && !is_ours) throw;
    if (!too_large) {
      if (mode == Mode::together) throw store_failed(failure, not_stored);
      log_error("upload not stored", {{"request_id", request.id}, {"reason", failure.what()}});
      received.store_failed = true;
    }
    entry.error = too_large ? fmt::format("File exceeds maximum size of {}MB", megabytes(limits_.file_bytes))
                            : "Failed to store file";
  }
}

awaitable<void> UploadRoutes::receive_parts(net::Request& request, Mode mode, Received& received) {
  const auto boundary = net::multipart_boundary(request.headers.find("Content-Type").value_or(""));
  if (!boundary || request.body == nullptr) throw no_files();
  // What is skipped counts too: a file that is too large goes on arriving.
  std::uint64_t all_bytes = 0;
  const std::uint64_t request_limit = limits_.request_bytes == 0 ? 0 : limits_.request_bytes + (16 << 20);
  if (request_limit != 0 && request.content_length.value_or(0) > request_limit) {
    throw request_too_large(limits_.request_bytes);
  }
  LimitedSource metered(*request.body, UINT64_MAX, request_limit, all_bytes);
  net::MultipartReader reader(metered, *boundary);
  for (;;) {
    const std::optional<net::PartHeader> part = co_await reader.next_part();
    if (!part) break;
    if (!part->filename) {
      std::string value = co_await read_field(reader.part_body());
      received.form.set(part->name, std::move(value));
      continue;
    }
    if (received.entries.size() == most_files(mode)) {
      throw ApiError(413, fmt::format("Too many files. Maximum {} files allowed", most_files(mode)));
    }
    co_await receive_file(*part, reader.part_body(), request, mode, received);
  }
  if (received.entries.empty()) throw no_files();
}

awaitable<UploadRoutes::Received> UploadRoutes::receive(net::Request& request, Mode mode) {
  Received received;
  std::exception_ptr failure;
  try {
    co_await receive_parts(request, mode, received);
    const std::size_t stored = co_await or_store_failed(commit(received, request, mode), not_stored);
    // The host is to try again, rather than take it that each file was refused.
    if (stored == 0 && received.store_failed) throw ApiError(500, not_stored);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return received;
  // A record without a body would be worse than a body without a record.
  if (received.perhaps_on_record) std::rethrow_exception(failure);

  // Also when the client has left: bodies without records are nobody's.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  for (const Entry& entry : received.entries) {
    try {
      if (entry.record) co_await files_.discard(*entry.record);
    } catch (const std::exception& error) {
      log_warning("content not removed", {{"request_id", request.id}, {"reason", error.what()}});
    }
  }
  std::rethrow_exception(failure);
}

awaitable<std::size_t> UploadRoutes::commit(Received& received, const net::Request& request, Mode mode) {
  const Form& form = received.form;
  const auto is_stored = [](const Entry& entry) { return entry.record.has_value(); };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(received.entries, is_stored));
  if (count == 0) co_return 0;
  // Fields that came after the files may name another session; the bodies stay where they are.
  const bool fits = received.session->entity == form.entity && received.session->shared == form.is_shared();
  if (!fits) received.session = co_await session_for(form, request, received.session_is_new);
  files::Session& session = *received.session;

  std::vector<store::Write> writes;
  if (received.session_is_new) {
    writes = sessions_.writes_for(session);
  } else {
    const auto held = co_await files_.list(session.id);
    const auto there = static_cast<std::size_t>(std::ranges::count(held, false, &files::FileRecord::removed));
    for (const files::FileRecord& record : held)
      std::ranges::move(files_.writes_to_keep(record), std::back_inserter(writes));
    if (there + count > session_factor * static_cast<std::size_t>(limits_.files_per_request)) {
      throw ApiError(
          413, fmt::format("Too many files. Maximum {} files allowed", session_factor * limits_.files_per_request));
    }
    std::ranges::move(sessions_.touch(session), std::back_inserter(writes));
  }
  const auto longest = static_cast<std::size_t>(limits_.name_characters);
  for (Entry& entry : received.entries) {
    if (!entry.record) continue;
    files::FileRecord& record = *entry.record;
    record.session = session.id;
    record.entity = form.entity;
    record.read_only = form.is_read_only();
    if (mode == Mode::together && (!form.kind.empty() || entry.sent_name.contains('/'))) {
      // Nothing is left of a name like "../..": then the flat one.
      record.name = files::nested_name(entry.sent_name, form.kind == "skill", longest)
                        .value_or(files::flat_name(entry.sent_name, longest));
    }
    std::ranges::move(files_.writes_for(record), std::back_inserter(writes));
  }
  received.perhaps_on_record = true;
  try {
    co_await files_.commit(std::move(writes));
  } catch (const Failure& error) {
    if (error.kind() != FailureKind::unavailable) received.perhaps_on_record = false;
    throw;
  }
  co_return count;
}

awaitable<net::Response> UploadRoutes::upload(net::Request& request) {
  const Received received = co_await receive(request, Mode::together);
  json::object body;
  body["message"] = "success";
  body["session_id"] = received.session->id;
  body["storage_session_id"] = received.session->id;
  json::array& entries = body["files"].emplace_array();
  for (const Entry& entry : received.entries) {
    json::object& file = entries.emplace_back(json::object()).as_object();
    file["filename"] = entry.record->name.text();
    file["fileId"] = entry.record->id;
  }
  co_return json_response(200, body);
}

awaitable<net::Response> UploadRoutes::batch(net::Request& request) {
  const Received received = co_await receive(request, Mode::each);
  json::object body;
  json::array entries;
  std::int64_t succeeded = 0;
  for (const Entry& entry : received.entries) {
    json::object& file = entries.emplace_back(json::object()).as_object();
    file["status"] = entry.record ? "success" : "error";
    if (entry.record) {
      ++succeeded;
      file["fileId"] = entry.record->id;
    }
    file["filename"] = printable(entry.sent_name);
    if (!entry.record) file["error"] = entry.error;
  }
  const auto failed = static_cast<std::int64_t>(received.entries.size()) - succeeded;
  body["message"] = failed == 0 ? "success" : succeeded == 0 ? "error" : "partial_success";
  // Without a stored file there is no session; the field is still a text.
  const std::string session = succeeded == 0 ? "" : received.session->id;
  body["session_id"] = session;
  body["storage_session_id"] = session;
  body["files"] = std::move(entries);
  body["succeeded"] = succeeded;
  body["failed"] = failed;
  co_return json_response(200, body);
}

}  // namespace ci::api
