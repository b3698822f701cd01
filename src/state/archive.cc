#include "state/archive.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/base64.h"
#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/time_text.h"
#include "state/memory.h"
#include "state/wire.h"

namespace ci::state {

namespace {

using std::chrono::system_clock;

const std::string object_prefix = "states/";
const std::string lock_key = "session:state-archive-lock";
constexpr int most_per_round = 100, page_size = 200;
constexpr int rounds_between_removals = 6;
constexpr auto youngest_orphan = std::chrono::hours(1);
constexpr auto shortest_rest = std::chrono::minutes(5);  // of a life that does not end by itself while it is archived
constexpr std::size_t plain_piece = 3 << 18, text_piece = 4 << 18;  // as much text as bytes, and no group cut
constexpr std::size_t longest_modules = 600;                        // metadata must be short

std::string archive_key(std::string_view session) { return object_prefix + std::string(session) + "/state.dat"; }

// Fills `into` unless the end comes first.
awaitable<std::size_t> fill(ByteSource& source, std::span<std::byte> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const std::size_t got = co_await source.read_some(into.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  co_return filled;
}

// Base64 text of another source.
class EncodedSource final : public ByteSource {
 public:
  explicit EncodedSource(ByteSource& plain) : plain_(plain), buffer_(plain_piece, '\0') {}

  awaitable<std::size_t> read_some(std::span<std::byte> into) override {
    if (offset_ == text_.size()) {
      const std::size_t filled = co_await fill(plain_, std::as_writable_bytes(std::span<char>(buffer_)));
      text_ = encode_base64(std::string_view(buffer_).substr(0, filled));
      offset_ = 0;
    }
    const std::size_t count = std::min(into.size(), text_.size() - offset_);
    std::memcpy(into.data(), text_.data() + offset_, count);
    offset_ += count;
    co_return count;
  }

 private:
  ByteSource& plain_;
  std::string buffer_, text_;
  std::size_t offset_ = 0;
};

store::Metadata metadata_of(const std::string& session, const Record& record) {
  store::Metadata metadata = {
      {"archived-at", iso_time(system_clock::now())},
      {"original-size", std::to_string(record.size)},
      {"session-id", session},
      {"hash", record.hash},
      {"created-at", iso_time(record.created)},
  };
  if (!record.python.empty()) metadata["python"] = record.python;
  std::string modules;
  for (const std::string& name : record.modules) {
    if (modules.size() + name.size() < longest_modules) modules += (modules.empty() ? "" : ",") + name;
  }
  if (!modules.empty()) metadata["modules"] = modules;
  return metadata;
}

std::string value_of(const store::Metadata& metadata, const char* name) {
  const auto entry = metadata.find(name);
  return entry == metadata.end() ? std::string() : entry->second;
}

Record record_of(const store::ObjectInfo& object) {
  Record record;
  read_note(value_of(object.metadata, "python") + " " + value_of(object.metadata, "modules"), record);
  record.hash = value_of(object.metadata, "hash");
  const std::string size = value_of(object.metadata, "original-size");
  std::from_chars(size.data(), size.data() + size.size(), record.size);
  record.created = parse_iso_time(value_of(object.metadata, "created-at")).value_or(object.modified);
  return record;
}

// "states-at-hand/<session>/<id>"
std::string session_of(const std::string& key, const std::string& before) {
  return key.substr(before.size(), key.find('/', before.size()) - before.size());
}

}  // namespace

std::string at_hand_key(std::string_view session, std::string_view id) {
  return at_hand_prefix + std::string(session) + "/" + std::string(id);
}

awaitable<std::optional<Record>> Archive::find(std::string session) {
  if (!settings_.archive || !is_state_id(session)) co_return std::nullopt;
  const auto object = co_await bodies_.head(archive_key(session));
  if (!object) co_return std::nullopt;
  co_return record_of(*object);
}

awaitable<UniqueFd> Archive::open(std::string session, Record& record) {
  const auto object = co_await bodies_.open(archive_key(session));
  if (!object) co_return UniqueFd();
  UniqueFd file = make_memory_file();
  std::string text(text_piece, '\0');
  Sha256 hash;
  std::uint64_t size = 0;
  bool damaged = false;
  for (std::size_t filled = text_piece; filled == text_piece && !damaged;) {
    filled = co_await fill(*object->body, std::as_writable_bytes(std::span<char>(text)));
    auto decode = [&] {
      const auto bytes = decode_base64(std::string_view(text).substr(0, filled));
      damaged = !bytes || size + bytes->size() > settings_.size_limit;
      if (damaged) return;
      hash.update(*bytes);
      append(file.get(), *bytes);
      size += bytes->size();
    };
    co_await on_pool(blocking_, decode);
  }
  const std::string sum = hash.hex();
  if (damaged || size < shortest_state || (!record.hash.empty() && record.hash != sum)) {
    log_warning("an archived state is damaged", {{"session_id", session}});
    co_return UniqueFd();
  }
  record.size = size;
  record.hash = sum;
  seal(file.get());
  co_return file;
}

awaitable<void> Archive::remove(std::string session) {
  if (is_state_id(session)) co_await bodies_.remove(archive_key(session));
}

awaitable<int> Archive::round() {
  const bool mine = co_await records_.set_if_absent(lock_key, new_id(), settings_.archive_interval / 2);
  if (!mine) co_return 0;
  int archived = 0;
  if (settings_.archive) {
    do {
      const auto page = co_await records_.scan(record_prefix, cursor_, page_size);
      cursor_ = page.cursor;
      for (const std::string& key : page.keys) {
        const std::string session = key.substr(record_prefix.size());
        bool done = false;
        try {
          done = co_await archive(session);
        } catch (const Failure& failure) {
          log_warning("a state was not archived", {{"session_id", session}, {"reason", failure.what()}});
        }
        archived += done ? 1 : 0;
      }
    } while (!cursor_.empty() && archived < most_per_round);
  }
  if (rounds_++ % rounds_between_removals == 0) {
    co_await remove_old();
    co_await remove_orphans();
  }
  co_return archived;
}

// True when it was not yet there as it is now.
awaitable<bool> Archive::archive(std::string session) {
  if (!is_state_id(session)) co_return false;
  const auto left = co_await records_.remaining(data_key(session));
  if (!left || *left > settings_.ttl - settings_.archive_after) co_return false;
  const auto text = co_await records_.get(record_key(session));
  const auto record = text ? record_from(*text) : std::nullopt;
  if (!record) co_return false;
  const auto known = co_await bodies_.head(archive_key(session));
  // An archived copy ages also while its session goes on unchanged, and must not end before the one at hand.
  const bool young = known && system_clock::now() - known->modified < settings_.archive_ttl / 2;
  if (young && record_of(*known).hash == record->hash) co_return false;
  store::Metadata metadata = metadata_of(session, *record);
  const std::uint64_t longest = (record->size + 2) / 3 * 4;
  if (!record->object.empty()) {
    const auto object = co_await bodies_.open(record->object);
    if (!object) co_return false;
    EncodedSource source(*object->body);
    co_await bodies_.put(archive_key(session), source, longest, std::move(metadata));
  } else {
    auto data = co_await records_.get(data_key(session));
    if (!data) co_return false;
    // Another state may have come since the record was read. The next round finds it.
    auto fits = [&] {
      const auto bytes = decode_base64(*data);
      return bytes && sha256_hex(*bytes) == record->hash;
    };
    const bool belongs = co_await on_pool(blocking_, fits);
    if (!belongs) co_return false;
    StringSource source(std::move(*data));
    co_await bodies_.put(archive_key(session), source, longest, std::move(metadata));
  }
  // Copying takes time. What a client has removed meanwhile must not stay here.
  const auto still = co_await records_.get(record_key(session));
  if (still || *left < shortest_rest) co_return true;
  co_await bodies_.remove(archive_key(session));
  co_return false;
}

// The next time is soon enough for what cannot be removed.
awaitable<void> Archive::remove_quietly(std::string key) {
  try {
    co_await bodies_.remove(key);
  } catch (const Failure& failure) {
    log_warning("an old state stays for now", {{"object", key}, {"reason", failure.what()}});
  }
}

awaitable<void> Archive::remove_old() {
  const auto oldest = system_clock::now() - settings_.archive_ttl;
  std::string cursor;
  do {
    const auto page = co_await bodies_.list(object_prefix, cursor, page_size);
    for (const store::ObjectInfo& object : page.objects) {
      if (object.modified < oldest) co_await remove_quietly(object.key);
    }
    cursor = page.cursor;
  } while (!cursor.empty());
}

// Bodies at hand whose record has expired, or never came.
awaitable<void> Archive::remove_orphans() {
  const auto newest = system_clock::now() - youngest_orphan;
  std::string cursor;
  do {
    const auto page = co_await bodies_.list(at_hand_prefix, cursor, page_size);
    for (const store::ObjectInfo& object : page.objects) {
      if (object.modified > newest) continue;
      const auto text = co_await records_.get(record_key(session_of(object.key, at_hand_prefix)));
      const auto record = text ? record_from(*text) : std::nullopt;
      if (!record || record->object != object.key) co_await remove_quietly(object.key);
    }
    cursor = page.cursor;
  } while (!cursor.empty());
}

}  // namespace ci::state
