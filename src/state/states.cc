#include "state/states.h"

#include <algorithm>
#include <exception>

#include "base/base64.h"
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

constexpr std::chrono::milliseconds longest_touch_interval = std::chrono::minutes(1);
constexpr auto upload_mark = std::chrono::seconds(30);
constexpr std::uint64_t small = 64 << 10;  // is copied and hashed where we are
const std::string elsewhere = "object:";   // no base64 text begins so

Failure replaced_meanwhile() {
  return Failure(FailureKind::unavailable, "Another one has replaced the state of this session meanwhile; try again");
}

// Where it does not keep others waiting.
template <class Work>
awaitable<std::invoke_result_t<Work&>> beside(asio::thread_pool& pool, std::uint64_t size, Work work) {
  if (size <= small) co_return work();
  co_return co_await on_pool(pool, std::move(work));
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

// Reading the archive takes time, in which others may have made a newer state or removed this one: it comes back only
// where there is still nothing, and only while the archive still has it.
awaitable<std::optional<Record>> States::bring_back(std::string session) {
  const auto archived = co_await archive_.find(session);
  if (!archived) co_return std::nullopt;
  Record record = *archived;
  UniqueFd file;
  std::exception_ptr broken_off;
  try {
    file = co_await archive_.open(session, record);
  } catch (const Failure&) {
    broken_off = std::current_exception();
  }
  if (broken_off) {
    // As an object store may do with what is removed while it is read.
    const auto still = co_await archive_.find(session);
    if (still) std::rethrow_exception(broken_off);
  }
  if (!file) co_return std::nullopt;
  Ready ready = co_await make_ready(session, record, std::move(file));
  record = ready.record;
  Turns::Turn writing = co_await turns_.take_to_write(session);
  auto current = co_await find_at_hand(session);
  if (!current) {
    const auto still = co_await archive_.find(session);
    if (still && still->hash == archived->hash) {
      std::vector<store::Write> nothing_else;
      std::vector<store::Condition> held;
      writing.add_conditions(held);
      const bool replaced = co_await replace(session, std::move(ready), std::move(nothing_else), std::move(held));
      if (replaced) co_return record;
      current = co_await find_at_hand(session);
    }
  }
  writing = Turns::Turn();
  co_await discard(record);
  co_return current;
}

awaitable<UniqueFd> States::open(std::string session, Record& record) {
  UniqueFd file = recent_.find(session, record);
  if (file) co_return file;
  file = co_await fetch(session, record);
  if (!file) file = co_await fetch_again(session, record);
  if (!file) co_return UniqueFd();
  UniqueFd result = open_again(file.get());
  recent_.keep(session, record, std::move(file));
  co_return result;
}

// Nothing when they are not what the record says. Objects are written once and then named, so their size is enough.
awaitable<UniqueFd> States::fetch(std::string session, Record record) {
  if (record.object.empty()) {
    const auto text = co_await records_.get(data_key(session));
    if (!text) co_return UniqueFd();
    auto decode = [&] {
      const auto bytes = decode_base64(*text);
      if (!bytes || bytes->size() != record.size || sha256_hex(*bytes) != record.hash) return UniqueFd();
      return os::memory_file("state", *bytes);
    };
    co_return co_await beside(blocking_, text->size(), decode);
  }
  const auto object = co_await bodies_.open(record.object);
  if (!object || object->size != record.size) co_return UniqueFd();
  if (object->body->descriptor() < 0) co_return co_await gather(*object->body);
  auto copy = [&] { return copy_to_memory(object->body->descriptor(), object->size); };
  co_return co_await on_pool(blocking_, copy);
}

// While nobody writes. If record and bytes still do not belong together, who wrote them was interrupted, in a store
// that does not write them in one step. Bytes are whole, so they are a state, and perhaps the only one that is left.
awaitable<UniqueFd> States::fetch_again(std::string session, Record& record) {
  const Turns::Turn writing = co_await turns_.take_to_write(session);
  const auto current = co_await find_at_hand(session);
  if (!current) co_return UniqueFd();
  record = *current;
  UniqueFd file = co_await fetch(session, record);
  if (file) co_return file;
  const auto text = co_await records_.get(data_key(session));
  if (!text) co_return UniqueFd();
  Record found = record;
  found.object.clear();
  auto decode = [&] {
    const auto bytes = decode_base64(*text);
    if (!bytes || bytes->size() < shortest_state || bytes->size() > settings_.size_limit) return UniqueFd();
    if (!is_known_version(static_cast<unsigned char>(bytes->front()))) return UniqueFd();
    found.size = bytes->size();
    found.hash = sha256_hex(*bytes);
    return os::memory_file("state", *bytes);
  };
  file = co_await beside(blocking_, text->size(), decode);
  if (!file) co_return UniqueFd();
  log_warning("the record of a state did not fit its bytes", {{"session_id", session}});
  const auto left = co_await records_.remaining(data_key(session));
  const std::chrono::milliseconds life = left.value_or(settings_.ttl);
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set(hash_key(session), found.hash, life));
  writes.push_back(store::Write::set(record_key(session), text_of(found), life));
  co_await records_.write(std::move(writes));
  record = found;
  co_return file;
}

awaitable<std::optional<store::OpenObject>> States::read(std::string session, Record& record) {
  std::optional<store::OpenObject> content;
  if (!record.object.empty()) {
    content = co_await bodies_.open(record.object);
    if (content) co_return content;
    const auto current = co_await find_at_hand(session);
    if (!current) co_return content;
    record = *current;
  }
  UniqueFd file = co_await open(std::move(session), record);
  if (file) content.emplace(record.size, std::make_unique<FileSource>(std::move(file), blocking_));
  co_return content;
}

awaitable<std::vector<store::Write>> States::touch(std::string session, const Record& record) {
  std::vector<store::Write> writes;
  const auto age = system_clock::now() - record.created;
  if (record.from_upload && age < upload_mark) writes.push_back(store::Write::remove(uploaded_key(session)));
  const auto interval = std::min<std::chrono::milliseconds>(longest_touch_interval, settings_.ttl / 10);
  if (age < interval) co_return writes;
  const auto left = co_await records_.remaining(data_key(session));
  if (left && settings_.ttl - *left < interval) co_return writes;
  for (const std::string& key : {data_key(session), hash_key(session), record_key(session)}) {
    writes.push_back(store::Write::expire(key, settings_.ttl));
  }
  co_return writes;
}

// That nothing has changed is true of what the run began with; what counts is what is there now.
awaitable<std::optional<Summary>> States::confirm(std::string session, Record prior) {
  const auto current = co_await find_at_hand(session);
  if (!current || current->hash != prior.hash || current->size != prior.size) co_return std::nullopt;
  co_return Summary(prior.size, prior.hash);
}

// Whether the run that began with `prior`, or would have, may replace what is there now.
awaitable<bool> States::may_replace(
    std::string session, const Turns::Turn& turn, std::optional<Record> prior, std::optional<Record> current) {
  std::string reason;
  if (current && current->from_upload && (!prior || current->created != prior->created)) {
    reason = "another one was uploaded during the run";
  } else {
    const bool held = co_await turn.is_held();
    if (!held) reason = "the turn of the run was lost";
  }
  if (!reason.empty()) log_info("state not saved", {{"session_id", session}, {"reason", reason}});
  co_return reason.empty();
}

awaitable<std::optional<Summary>> States::settle(
    std::string session, const Turns::Turn& turn, std::optional<Record> prior, bool read, UniqueFd file,
    std::string note) {
  const Captured captured = take_capture(file.get(), settings_.size_limit);
  if (const LeftOut left_out = left_out_of(note); left_out.count > 0) {
    const std::string count = std::to_string(left_out.count);
    log_info("part of a state is not kept", {{"session_id", session}, {"values", count}, {"first", left_out.first}});
  }
  if (captured.kind == Captured::Kind::unchanged) {
    if (!prior || !read) co_return std::nullopt;
    co_return co_await confirm(session, *prior);
  }
  if (captured.kind == Captured::Kind::nothing || captured.kind == Captured::Kind::damaged) {
    const bool damaged = captured.kind == Captured::Kind::damaged;
    const std::string reason = damaged ? "it is damaged" : "it is too large, or was not written to its end";
    log_info("state not saved", {{"session_id", session}, {"reason", reason}});
    co_return std::nullopt;
  }
  if (captured.kind == Captured::Kind::empty) {
    if (!prior || !read) co_return std::nullopt;
    const Turns::Turn writing = co_await turns_.take_to_write(session);
    const auto current = co_await find_at_hand(session);
    const bool allowed = co_await may_replace(session, turn, prior, current);
    if (!allowed) co_return std::nullopt;
    if (settings_.archive) co_await archive_.remove(session);
    std::vector<store::Condition> held;
    turn.add_conditions(held);
    writing.add_conditions(held);
    std::optional<Record> old;
    const bool cleared = co_await clear(session, std::move(held), old);
    if (cleared) co_await discard(std::move(old));
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
    if (prior && read && prior->hash == record.hash) {
      const auto same = co_await confirm(session, *prior);
      if (same) co_return same;
    }
  }

  Ready ready = co_await make_ready(session, std::move(record), std::move(file));
  record = ready.record;
  Turns::Turn writing = co_await turns_.take_to_write(session);
  auto current = co_await find_at_hand(session);
  bool allowed = co_await may_replace(session, turn, prior, current);
  if (allowed) {
    std::vector<store::Write> nothing_else;
    std::vector<store::Condition> held;
    turn.add_conditions(held);
    writing.add_conditions(held);
    allowed = co_await replace(session, std::move(ready), std::move(nothing_else), std::move(held));
  }
  writing = Turns::Turn();
  if (!allowed) {
    co_await discard(std::move(record));
    co_return std::nullopt;
  }
  co_await discard(std::move(current));
  co_return Summary(record.size, record.hash);
}

// What takes time, before others have to wait.
awaitable<States::Ready> States::make_ready(std::string session, Record record, UniqueFd file) {
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
  co_return Ready(std::move(record), std::move(data), std::move(file));
}

// The turns are looked at by the store, in the same step: whoever was not running for a while does not know that they have ended.
awaitable<bool> States::replace(
    std::string session, Ready ready, std::vector<store::Write> writes, std::vector<store::Condition> turns) {
  writes.push_back(store::Write::set(data_key(session), std::move(ready.data), settings_.ttl));
  writes.push_back(store::Write::set(hash_key(session), ready.record.hash, settings_.ttl));
  writes.push_back(store::Write::set(record_key(session), text_of(ready.record), settings_.ttl));
  const bool written = co_await records_.write_if(std::move(turns), std::move(writes));
  if (!written) {
    log_warning("state not saved", {{"session_id", session}, {"reason", "the turn to write it was lost"}});
    co_return false;
  }
  not_archived_.erase(session);
  recent_.keep(session, ready.record, std::move(ready.file));
  co_return true;
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
  Ready ready = co_await make_ready(session, std::move(record), std::move(file));
  with.push_back(store::Write::set(uploaded_key(session), "1", upload_mark));
  Turns::Turn writing = co_await turns_.take_to_write(session);
  auto old = co_await find_at_hand(session);
  std::vector<store::Condition> held;
  writing.add_conditions(held);
  const Record uploaded = ready.record;
  const bool replaced = co_await replace(session, std::move(ready), std::move(with), std::move(held));
  writing = Turns::Turn();
  if (!replaced) old = uploaded;
  co_await discard(std::move(old));
  if (!replaced) throw replaced_meanwhile();
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

// The archive first: what fails here can be tried again, and nothing comes back that was removed.
awaitable<void> States::remove(std::string session) {
  Turns::Turn writing = co_await turns_.take_to_write(session);
  if (settings_.archive) co_await archive_.remove(session);
  std::vector<store::Condition> held;
  writing.add_conditions(held);
  std::optional<Record> old;
  const bool cleared = co_await clear(session, std::move(held), old);
  writing = Turns::Turn();
  if (!cleared) throw replaced_meanwhile();
  co_await discard(std::move(old));
}

awaitable<void> States::forget(std::string session, const Turns::Turn& writing) {
  std::vector<store::Condition> held;
  writing.add_conditions(held);
  std::optional<Record> old;
  const bool cleared = co_await clear(session, std::move(held), old);
  if (!cleared) throw replaced_meanwhile();
  co_await discard(std::move(old));
}

awaitable<bool> States::clear(std::string session, std::vector<store::Condition> turns, std::optional<Record>& old) {
  old = co_await find_at_hand(session);
  std::vector<store::Write> writes;
  for (const std::string& key : {data_key(session), hash_key(session), record_key(session), uploaded_key(session)}) {
    writes.push_back(store::Write::remove(key));
  }
  const bool written = co_await records_.write_if(std::move(turns), std::move(writes));
  if (!written) {
    log_warning("state not removed", {{"session_id", session}, {"reason", "the turn to write it was lost"}});
    co_return false;
  }
  recent_.forget(session);
  co_return true;
}

}  // namespace ci::state
