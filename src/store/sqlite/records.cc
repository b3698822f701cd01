#include "store/sqlite/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ci::store::sqlite {

namespace {

constexpr int schema_version = 1;

std::optional<Moment> end_of(const Ttl& ttl, Moment now) {
  if (!ttl) return std::nullopt;
  return now + ttl->count();
}

bool expired(const std::optional<Moment>& expires, Moment now) { return expires && *expires <= now; }

std::string& field_of(Fields& fields, const std::string& name) {
  const auto same = std::ranges::find(fields, name, &Fields::value_type::first);
  if (same != fields.end()) return same->second;
  return fields.emplace_back(name, "").second;
}

std::int64_t number_of(std::string_view text, const std::string& key) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) {
    throw Failure(FailureKind::internal, "the record " + key + " is not a number to add to");
  }
  return number;
}

std::int64_t sum_of(std::string_view text, std::int64_t by, const std::string& key) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(number_of(text, key), by, &sum)) {
    throw Failure(FailureKind::internal, "the record " + key + " is not a number to add to");
  }
  return sum;
}

}  // namespace

std::string encode_fields(const Fields& fields) {
  std::string text;
  for (const auto& [name, content] : fields) {
    fmt::format_to(std::back_inserter(text), "{}:{},{}:{},", name.size(), name, content.size(), content);
  }
  return text;
}

std::optional<Fields> decode_fields(std::string_view text) {
  const auto take = [&text]() -> std::optional<std::string> {
    size_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    const auto digits = static_cast<size_t>(end - text.data());
    if (error != std::errc() || text.size() - digits < 2 || text[digits] != ':') return std::nullopt;
    if (size > text.size() - digits - 2 || text[digits + 1 + size] != ',') return std::nullopt;
    std::string content(text.substr(digits + 1, size));
    text.remove_prefix(digits + size + 2);
    return content;
  };
  Fields fields;
  while (!text.empty()) {
    auto name = take();
    auto content = name ? take() : std::nullopt;
    if (!content) return std::nullopt;
    fields.emplace_back(std::move(*name), std::move(*content));
  }
  return fields;
}

Records::Schema::Schema(Database& database) {
  const auto version = [&database] {
    Statement statement(database, "PRAGMA user_version");
    Query query(statement);
    query.next();
    return query.integer_at(0);
  };
  if (version() == 0) {
    // Another process may be doing the same: look again behind the lock.
    database.execute("BEGIN IMMEDIATE");
    if (version() == 0) {
      database.execute(
          "CREATE TABLE records ("
          "  key TEXT NOT NULL, member TEXT NOT NULL, kind INTEGER NOT NULL, value BLOB NOT NULL, expires INTEGER,"
          "  PRIMARY KEY (key, member)"
          ") STRICT, WITHOUT ROWID;"
          "CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;"
          "PRAGMA user_version=1");
    }
    database.execute("COMMIT");
  }
  if (const auto found = version(); found != schema_version) {
    throw Failure(
        FailureKind::internal,
        fmt::format(
            "the database has layout {}, this program knows layout {}: run the version that wrote it", found,
            schema_version));
  }
}

Records::Records(Database& database)
    : schema_(database),
      database_(database),
      find_(database, "SELECT kind, value, expires FROM records WHERE key = ?1 LIMIT 1"),
      members_(database, "SELECT kind, member FROM records WHERE key = ?1 AND (expires IS NULL OR expires > ?2)"),
      next_members_(
          database,
          "SELECT kind, member FROM records WHERE key = ?1 AND member > ?2 AND (expires IS NULL OR expires > ?3)"
          " ORDER BY member LIMIT ?4"),
      first_key_(
          database,
          "SELECT key FROM records WHERE key >= ?1 AND (expires IS NULL OR expires > ?2) ORDER BY key LIMIT 1"),
      next_key_(
          database,
          "SELECT key FROM records WHERE key > ?1 AND (expires IS NULL OR expires > ?2) ORDER BY key LIMIT 1"),
      put_(database, "INSERT OR REPLACE INTO records (key, member, kind, value, expires) VALUES (?1, ?2, ?3, ?4, ?5)"),
      remove_(database, "DELETE FROM records WHERE key = ?1"),
      remove_member_(database, "DELETE FROM records WHERE key = ?1 AND member = ?2"),
      remove_other_members_(database, "DELETE FROM records WHERE key = ?1 AND member > ''"),
      expire_(database, "UPDATE records SET expires = ?2 WHERE key = ?1"),
      purge_(
          database,
          "DELETE FROM records WHERE (key, member) IN"
          " (SELECT key, member FROM records WHERE expires <= ?1 LIMIT ?2) RETURNING 1"),
      ping_(database, "SELECT 1 FROM records LIMIT 1") {}

std::optional<Records::Head> Records::find(const std::string& key, Moment now) {
  Query query(find_);
  query.text(key);
  if (!query.next()) return std::nullopt;
  const auto expires = query.optional_integer_at(2);
  if (expired(expires, now)) return std::nullopt;
  return Head{static_cast<Kind>(query.integer_at(0)), std::string(query.bytes_at(1)), expires};
}

std::optional<Records::Head> Records::find(const std::string& key, Kind wanted, Moment now) {
  auto head = find(key, now);
  if (head && head->kind != wanted) {
    throw Failure(FailureKind::internal, "the record " + key + " is of another kind than this operation is for");
  }
  return head;
}

std::optional<Records::Head> Records::find_to_write(const std::string& key, Kind wanted, Moment now) {
  auto head = find(key, wanted, now);
  if (!head) remove(key);
  return head;
}

std::pair<Fields, std::optional<Moment>> Records::fields_to_write(const std::string& key, Moment now) {
  const auto head = find_to_write(key, Kind::hash, now);
  if (!head) return {};
  auto fields = decode_fields(head->value);
  if (!fields) database_.fail(11 /* SQLITE_CORRUPT */, "reading the record " + key + " of");
  return {std::move(*fields), head->expires};
}

void Records::put(
    const std::string& key, std::string_view member, Kind kind, std::string_view value, std::optional<Moment> expires) {
  Query(put_).text(key).text(member).integer(static_cast<std::int64_t>(kind)).blob(value).integer(expires).run();
}

void Records::remove(const std::string& key) { Query(remove_).text(key).run(); }

std::optional<std::string> Records::get(const std::string& key, Moment now) {
  auto head = find(key, Kind::value, now);
  if (!head) return std::nullopt;
  return std::move(head->value);
}

std::optional<Fields> Records::get_fields(const std::string& key, Moment now) {
  const auto head = find(key, Kind::hash, now);
  if (!head) return std::nullopt;
  auto fields = decode_fields(head->value);
  if (!fields) database_.fail(11 /* SQLITE_CORRUPT */, "reading the record " + key + " of");
  return fields;
}

std::vector<std::string> Records::members(const std::string& key, Moment now) {
  find(key, Kind::set, now);
  std::vector<std::string> found;
  Query query(members_);
  query.text(key).integer(now);
  while (query.next()) found.emplace_back(query.bytes_at(1));
  return found;
}

std::optional<std::chrono::milliseconds> Records::remaining(const std::string& key, Moment now) {
  const auto head = find(key, now);
  if (!head || !head->expires) return std::nullopt;
  return std::chrono::milliseconds(*head->expires - now);
}

KeyValueStore::Page Records::scan(const std::string& prefix, const std::string& cursor, int limit, Moment now) {
  // From key to key by the index, so that a large set costs as much as a small record.
  KeyValueStore::Page page;
  const auto step = [&](Statement& statement, const std::string& from) -> std::optional<std::string> {
    Query query(statement);
    query.text(from).integer(now);
    if (!query.next()) return std::nullopt;
    std::string key(query.bytes_at(0));
    if (!key.starts_with(prefix)) return std::nullopt;
    return key;
  };
  auto key = cursor.empty() ? step(first_key_, prefix) : step(next_key_, cursor);
  while (key) {
    page.keys.push_back(*key);
    if (page.keys.size() >= static_cast<size_t>(std::max(limit, 1))) {
      page.cursor = *key;
      break;
    }
    key = step(next_key_, *key);
  }
  return page;
}

KeyValueStore::Page Records::scan_members(const std::string& key, const std::string& cursor, int limit, Moment now) {
  find(key, Kind::set, now);
  KeyValueStore::Page page;
  Query query(next_members_);
  query.text(key).text(cursor).integer(now).integer(std::int64_t{std::max(limit, 1)});
  while (query.next()) page.keys.emplace_back(query.bytes_at(1));
  if (page.keys.size() == static_cast<size_t>(std::max(limit, 1))) page.cursor = page.keys.back();
  return page;
}

void Records::ping() { Query(ping_).run(); }

void Records::apply(const Write& write, Moment now) {
  switch (write.kind) {
    case Write::Kind::set:
      Query(remove_other_members_).text(write.key).run();
      put(write.key, {}, Kind::value, write.value, end_of(write.ttl, now));
      return;
    case Write::Kind::set_fields: {
      auto [fields, expires] = fields_to_write(write.key, now);
      if (write.ttl) expires = end_of(write.ttl, now);
      for (const auto& [name, content] : write.fields) field_of(fields, name) = content;
      put(write.key, {}, Kind::hash, encode_fields(fields), expires);
      return;
    }
    case Write::Kind::add_to_field: {
      auto [fields, expires] = fields_to_write(write.key, now);
      const auto& [name, by] = write.fields.front();
      std::string& content = field_of(fields, name);
      content = std::to_string(sum_of(content.empty() ? "0" : content, number_of(by, write.key), write.key));
      put(write.key, {}, Kind::hash, encode_fields(fields), expires);
      return;
    }
    case Write::Kind::remove:
      remove(write.key);
      return;
    case Write::Kind::add_member: {
      const auto head = find_to_write(write.key, Kind::set, now);
      put(write.key, write.value, Kind::set, {}, head ? head->expires : std::nullopt);
      return;
    }
    case Write::Kind::remove_member:
      if (find_to_write(write.key, Kind::set, now)) Query(remove_member_).text(write.key).text(write.value).run();
      return;
    case Write::Kind::expire:
      if (find(write.key, now)) Query(expire_).text(write.key).integer(end_of(write.ttl, now)).run();
      return;
  }
}

bool Records::set_if_absent(const std::string& key, const std::string& value, const Ttl& ttl, Moment now) {
  if (find(key, now)) return false;
  remove(key);
  put(key, {}, Kind::value, value, end_of(ttl, now));
  return true;
}

bool Records::remove_if_equal(const std::string& key, const std::string& expected, Moment now) {
  const auto head = find_to_write(key, Kind::value, now);
  if (!head || head->value != expected) return false;
  remove(key);
  return true;
}

std::int64_t Records::increment(const std::string& key, std::int64_t by, const Ttl& window, Moment now) {
  std::int64_t sum = by;
  auto expires = end_of(window, now);
  if (const auto head = find_to_write(key, Kind::value, now)) {
    sum = sum_of(head->value, by, key);
    expires = head->expires;
  }
  put(key, {}, Kind::value, std::to_string(sum), expires);
  return sum;
}

Counted Records::increment_all(const std::vector<Counter>& counters, Moment now) {
  Counted counted;
  for (size_t i = 0; i < counters.size(); ++i) {
    const auto head = find(counters[i].key, Kind::value, now);
    const std::int64_t sum = sum_of(head ? head->value : "0", 0, counters[i].key);
    counted.sums.push_back(sum);
    if (counters[i].limit && sum + counters[i].by > *counters[i].limit && !counted.refused) counted.refused = i;
  }
  if (counted.refused) return counted;
  for (size_t i = 0; i < counters.size(); ++i) {
    counted.sums[i] = increment(counters[i].key, counters[i].by, counters[i].window, now);
  }
  return counted;
}

bool Records::take_place(
    const std::string& key, const std::string& holder, std::int64_t most, std::chrono::milliseconds lease, Moment now) {
  auto [holders, expires] = fields_to_write(key, now);
  std::erase_if(holders, [&](const auto& one) { return number_of(one.second, key) <= now; });
  const bool holds = std::ranges::find(holders, holder, &Fields::value_type::first) != holders.end();
  if (!holds && static_cast<std::int64_t>(holders.size()) >= most) return false;
  const Moment end = now + lease.count();
  field_of(holders, holder) = std::to_string(end);
  put(key, {}, Kind::hash, encode_fields(holders), std::max(expires.value_or(end), end));
  return true;
}

void Records::leave_place(const std::string& key, const std::string& holder, Moment now) {
  auto [holders, expires] = fields_to_write(key, now);
  if (std::erase_if(holders, [&](const auto& one) { return one.first == holder; }) == 0) return;
  if (holders.empty())
    remove(key);
  else
    put(key, {}, Kind::hash, encode_fields(holders), expires);
}

int Records::purge(Moment now, int limit) {
  int removed = 0;
  Query query(purge_);
  query.integer(now).integer(std::int64_t{limit});
  while (query.next()) ++removed;
  return removed;
}

}  // namespace ci::store::sqlite
