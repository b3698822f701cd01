#pragma once
// The operations of KeyValueStore on one SQLite connection, synchronously. The caller brings the thread, the
// transaction and the time.
//
//   records(key, member, kind, value, expires)    primary key (key, member), without rowid
//
// Places are a hash of holders and when the lease of each ends. A value and a hash are one row with an empty member; a hash's fields are netstrings, name and content in turn
// ("9:file_name,5:a.txt,"): a record is written as a whole, and one row is a fifth of the work of a dozen. A set has
// a row per member, so that large ones grow cheaply. `expires` is milliseconds since 1970, the same in all rows of a
// key, NULL for never; rows past it count as absent until somebody removes them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/key_value_store.h"
#include "store/sqlite/database.h"

namespace ci::store::sqlite {

// Milliseconds since 1970.
using Moment = std::int64_t;

class Records {
 public:
  // Makes the table when the database is new. Fails when a newer version of this program wrote it.
  explicit Records(Database& database);

  std::optional<std::string> get(const std::string& key, Moment now);
  std::optional<Fields> get_fields(const std::string& key, Moment now);
  std::vector<std::string> members(const std::string& key, Moment now);
  std::optional<std::chrono::milliseconds> remaining(const std::string& key, Moment now);
  KeyValueStore::Page scan(const std::string& prefix, const std::string& cursor, int limit, Moment now);
  KeyValueStore::Page scan_members(const std::string& key, const std::string& cursor, int limit, Moment now);
  void ping();

  // Inside a transaction: one that fails may have done half of its work.
  void apply(const Write& write, Moment now);
  bool set_if_absent(const std::string& key, const std::string& value, const Ttl& ttl, Moment now);
  bool remove_if_equal(const std::string& key, const std::string& expected, Moment now);
  std::int64_t increment(const std::string& key, std::int64_t by, const Ttl& window, Moment now);
  Counted increment_all(const std::vector<Counter>& counters, Moment now);
  bool take_place(
      const std::string& key, const std::string& holder, std::int64_t most, std::chrono::milliseconds lease,
      Moment now);
  void leave_place(const std::string& key, const std::string& holder, Moment now);
  // Removes up to `limit` rows that expired; says how many.
  int purge(Moment now, int limit);

 private:
  enum class Kind { value = 0, hash = 1, set = 2 };
  struct Head {
    Kind kind;
    std::string value;
    std::optional<Moment> expires;
  };

  // The first row of a live key. Fails when it is not of the `wanted` kind.
  std::optional<Head> find(const std::string& key, Moment now);
  std::optional<Head> find(const std::string& key, Kind wanted, Moment now);
  // The same before a write: rows that expired are removed, so that they cannot join what is written.
  std::optional<Head> find_to_write(const std::string& key, Kind wanted, Moment now);
  // The fields of a live hash, and when it ends; none when there is none.
  std::pair<Fields, std::optional<Moment>> fields_to_write(const std::string& key, Moment now);
  void put(
      const std::string& key, std::string_view member, Kind kind, std::string_view value,
      std::optional<Moment> expires);
  void remove(const std::string& key);

  struct Schema {
    explicit Schema(Database& database);
  };
  Schema schema_;  // before the statements, which need the table
  Database& database_;
  Statement find_, members_, next_members_, first_key_, next_key_, put_, remove_, remove_member_, remove_other_members_,
      expire_, purge_, ping_;
};

std::string encode_fields(const Fields& fields);
// Nothing when `text` is not what encode_fields() makes.
std::optional<Fields> decode_fields(std::string_view text);

}  // namespace ci::store::sqlite
