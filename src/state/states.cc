#include "state/states.h"

#include <algorithm>
#include <span>

#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/sha256.h"
#include "os/message_socket.h"
#include "state/memory.h"
#include "state/wire.h"

namespace ci::state {

namespace {

using std::chrono::system_clock;

constexpr auto touch_interval = std::chrono::minutes(1);
constexpr auto upload_mark = std::chrono::seconds(30);
constexpr std::uint64_t small = 64 << 10;  // is copied and hashed where we are
const std::string elsewhere = "object:";   // no base64 text begins so

// Where it does not keep others waiting.
template <class Work>
awaitable<std::invoke_result_t<Work&>> beside(asio::thread_pool& pool, std::uint64_t size, Work work) {
  if (size <= small) co_return work();
  co_return co_await on_pool(pool, std::move(work));
}

// A sealed memory file of what comes over the network.
awaitable<UniqueFd> gather(ByteSource& body) {
  UniqueFd file = make_memory_file();
  std::string piece(256 << 10, '\0');
  for (;;) {
    const std::size_t got = co_await body.read_some(std::as_writable_bytes(std::span<char>(piece)));
    if (got == 0) break;
    append(file.get(), std::string_view(piece).substr(0, got));
  }
  seal(file.get());
  co_return file;
}

}  // namespace

awaitable<std::optional<Record>> States::find_at_hand(std::string session) {
  const auto text = co_await records_.get(record_key(session));
  if (!text) co_return std::nullopt;
  co_return record_from(*text);
}

// Between the last use of a state and its archiving there are `archive_after`, so what was looked for in vain need not
// be looked for again so soon: a head request of an object store is slow.
awaitable<std::optional<Record>> States::find(std::string session, std::optional<system_clock::time_point> made) {
  auto record = co_await find_at_hand(session);
  if (record || !settings_.archive) co_return record;
  if (made && system_clock::now() - *made < settings_.archive_after) co_return std::nullopt;
  const auto now = std::chrono::steady_clock::now();
  const auto known = not_archived_.find(session);
  if (made && known != not_archived_.end() && now - known->second < settings_.archive_after) co_return std::nullopt;
  record = co_await bring_back(session);
  if (!record) {
    constexpr std::size_t most = 10000;
    if (not_archived_.size() >= most) not_archived_.clear();
    not_archived_[session] = now;
  }
  co_return record;
}

awaitable<std::optional<Record>> States::bring_back(std::string session) {
  auto record = co_await archive_.find(session);
  if (!record) co_return std::nullopt;
  UniqueFd file = co_await archive_.open(session, *record);
  if (!file) co_return std::nullopt;
  std::vector<store::Write> nothing_else;
  std::optional<Record> nothing_before;
  record = co_await save(session, nothing_before, *record, std::move(file), std::move(nothing_else));
  co_return record;
}

awaitable<UniqueFd> States::open(std::string session, const Record& record) {
  const auto known = std::ranges::find(remembered_, session, &Remembered::session);
  if (known != remembered_.end() && known->hash == record.hash && known->size == record.size) {
    std::ranges::rotate(known, known + 1, remembered_.end());
    co_return open_again(remembered_.back().file.get());
  }
  UniqueFd file;
  if (!record.object.empty()) {
    const auto object = co_await bodies_.open(record.object);
    if (!object || object->size != record.size) co_return UniqueFd();
    if (object->body->descriptor() >= 0) {
      auto copy = [&] { return copy_to_memory(object->body->descriptor(), object->size); };
      file = co_await on_pool(blocking_, copy);
    } else {
      file = co_await gather(*object->body);
    }
  } else {
    const auto text = co_await records_.get(data_key(session));
    if (!text) co_return UniqueFd();
    auto decode = [&] {
      const auto bytes = decode_base64(*text);
      if (!bytes || bytes->size() != record.size) return UniqueFd();
      return os::memory_file("state", *bytes);
    };
    file = co_await beside(blocking_, text->size(), decode);
  }
  if (!file) co_return UniqueFd();
  UniqueFd result = open_again(file.get());
  remember(session, record, std::move(file));
  co_return result;
}

awaitable<std::optional<store::OpenObject>> States::read(std::string session, const Record& record) {
  if (!record.object.empty()) co_return co_await bodies_.open(record.object);
  std::optional<store::OpenObject> content;
  UniqueFd file = co_await open(std::move(session), record);
  if (file) content.emplace(record.size, std::make_unique<FileSource>(std::move(file), blocking_));
  co_return content;
}

void States::remember(const std::string& session, const Record& record, UniqueFd file) {
  std::erase_if(remembered_, [&](const Remembered& one) { return one.session == session; });
  if (record.size > settings_.memory) return;
  remembered_.push_back({session, record.hash, record.size, std::move(file)});
  constexpr std::uint64_t overhead = 8 << 10;
  std::uint64_t sum = 0;
  for (const Remembered& one : remembered_) sum += one.size + overhead;
  while (sum > settings_.memory) {
    sum -= remembered_.front().size + overhead;
    remembered_.erase(remembered_.begin());
  }
}

awaitable<std::vector<store::Write>> States::touch(std::string session, const Record& record) {
  std::vector<store::Write> writes;
  if (system_clock::now() - record.created < touch_interval) co_return writes;
  const auto left = co_await records_.remaining(data_key(session));
  if (left && settings_.ttl - *left < touch_interval) co_return writes;
  for (const std::string& key : {data_key(session), hash_key(session), record_key(session)}) {
    writes.push_back(store::Write::expire(key, settings_.ttl));
  }
  if (record.from_upload) writes.push_back(store::Write::remove(uploaded_key(session)));
  co_return writes;
}

awaitable<std::optional<Summary>> States::settle(
    std::string session, std::optional<Record> prior, bool read, UniqueFd file, std::string note) {
  const Captured captured = take_capture(file.get(), settings_.size_limit);
  if (captured.kind == Captured::Kind::unchanged) {
    if (!prior || !read) co_return std::nullopt;
    co_return Summary(prior->size, prior->hash);
  }
  if (captured.kind == Captured::Kind::nothing || captured.kind == Captured::Kind::damaged) {
    const bool damaged = captured.kind == Captured::Kind::damaged;
    const std::string reason = damaged ? "it is damaged" : "it is too large, or was not written to its end";
    log_info("state not saved", {{"session_id", session}, {"reason", reason}});
    co_return std::nullopt;
  }
  if (captured.kind == Captured::Kind::empty) {
    if (prior && read) co_await remove(session);
    co_return std::nullopt;
  }
  Record record;
  record.size = captured.size;
  record.created = system_clock::now();
  read_note(note, record);
  // A large one is hashed on its way into the object store.
  if (!settings_.large || captured.size <= *settings_.large) {
    auto hash = [&] { return sha256_hex(read_whole(file.get(), captured.size)); };
    record.hash = co_await beside(blocking_, captured.size, hash);
    if (prior && read && prior->hash == record.hash) co_return Summary(prior->size, prior->hash);
  }

  const auto current = co_await find_at_hand(session);
  if (current && current->from_upload && current != prior) {
    log_info("state not saved", {{"session_id", session}, {"reason", "another one was uploaded during the run"}});
    co_return std::nullopt;
  }
  std::vector<store::Write> nothing_else;
  record = co_await save(session, current, std::move(record), std::move(file), std::move(nothing_else));
  co_return Summary(record.size, record.hash);
}

awaitable<Record> States::save(
    std::string session, std::optional<Record> old, Record record, UniqueFd file, std::vector<store::Write> writes) {
  std::string data;
  if (settings_.large && record.size > *settings_.large) {
    record.object = at_hand_key(session, new_id());
    FileSource source(open_again(file.get()), blocking_);
    const store::StoredObject stored = co_await bodies_.put(record.object, source, record.size);
    record.hash = stored.sha256;
    data = elsewhere + record.object;
  } else {
    auto encode = [&] { return encode_base64(read_whole(file.get(), record.size)); };
    data = co_await beside(blocking_, record.size, encode);
  }
  writes.push_back(store::Write::set(data_key(session), std::move(data), settings_.ttl));
  writes.push_back(store::Write::set(hash_key(session), record.hash, settings_.ttl));
  writes.push_back(store::Write::set(record_key(session), text_of(record), settings_.ttl));
  co_await records_.write(std::move(writes));
  not_archived_.erase(session);
  remember(session, record, std::move(file));
  co_await discard(std::move(old));
  co_return record;
}

// After the record that named it is gone. What fails here is found by tidying up.
awaitable<void> States::discard(std::optional<Record> old) {
  if (!old || old->object.empty()) co_return;
  try {
    co_await bodies_.remove(old->object);
  } catch (const Failure& failure) {
    log_warning("an old state stays for now", {{"reason", failure.what()}});
  }
}

awaitable<void> States::upload(std::string session, std::string bytes, std::vector<store::Write> with) {
  Record record;
  record.size = bytes.size();
  record.created = system_clock::now();
  record.from_upload = true;
  UniqueFd file;
  auto prepare = [&] {
    record.hash = sha256_hex(bytes);
    file = os::memory_file("state", bytes);
  };
  co_await on_pool(blocking_, prepare);
  bytes = {};
  const auto old = co_await find_at_hand(session);
  with.push_back(store::Write::set(uploaded_key(session), "1", upload_mark));
  co_await save(session, old, std::move(record), std::move(file), std::move(with));
}

awaitable<Info> States::info(std::string session) {
  Info info;
  if (const auto record = co_await find_at_hand(session)) {
    const auto left = co_await records_.remaining(data_key(session));
    info.record = *record;
    if (left) info.expires = system_clock::now() + *left;
  } else if (const auto archived = co_await archive_.find(session)) {
    info.record = *archived;
    info.archived = true;
  }
  co_return info;
}

awaitable<void> States::remove(std::string session) {
  co_await forget(session);
  if (settings_.archive) co_await archive_.remove(session);
}

awaitable<void> States::forget(std::string session) {
  const auto old = co_await find_at_hand(session);
  std::vector<store::Write> writes;
  for (const std::string& key : {data_key(session), hash_key(session), record_key(session), uploaded_key(session)}) {
    writes.push_back(store::Write::remove(key));
  }
  co_await records_.write(std::move(writes));
  std::erase_if(remembered_, [&](const Remembered& one) { return one.session == session; });
  co_await discard(old);
}

}  // namespace ci::state
