#include "metrics/shared_history.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

namespace ci::metrics {

namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::system_clock;
using store::Write;
using Day = std::chrono::sys_days;

// Sums of an hour by key and language. They are only read for the beginning and the end of a span.
constexpr days hours_kept{9};

// Sums are hashes whose fields are "<key>|<language or hour of the day>|<name of the total>".
std::string hour_key(Hour hour) { return "metrics:sums:" + metrics::text_of(hour); }
std::string text_of(Day day) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::time_point_cast<std::chrono::seconds>(day)));
}
std::string day_key(Day day) { return "metrics:sums:" + text_of(day); }              // by key and language
std::string day_hours_key(Day day) { return "metrics:sums:hours:" + text_of(day); }  // by key and hour
std::string counts_key(Hour hour) { return "metrics:counts:" + metrics::text_of(hour); }
constexpr const char* all_counts_key = "metrics:counts:all";

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct Field {
  std::string key, other;
  std::int64_t Totals::* total = nullptr;
};

std::optional<Field> parse(std::string_view text) {
  const std::size_t first = text.find('|'), last = text.rfind('|');
  if (first == text.npos || first == last) return std::nullopt;
  for (const NamedTotal& each : named_totals) {
    if (text.substr(last + 1) != each.name) continue;
    Field field;
    field.key = text.substr(0, first);
    field.other = text.substr(first + 1, last - first - 1);
    field.total = each.field;
    return field;
  }
  return std::nullopt;
}

// The sums in a hash, of one key or of all, by key and whatever the middle of its fields is.
std::map<std::pair<std::string, std::string>, Totals> sums_of(const store::Fields& fields, const std::string& key) {
  std::map<std::pair<std::string, std::string>, Totals> sums;
  for (const auto& [name, text] : fields) {
    const auto field = parse(name);
    if (!field || (!key.empty() && field->key != key)) continue;
    sums[{field->key, field->other}].*field->total += number_of(text);
  }
  return sums;
}

class Sums {
 public:
  void add(std::string hash, const std::string& key, const std::string& other, const Totals& totals, days life) {
    lives_[hash] = life;
    for (const NamedTotal& each : named_totals) {
      if (totals.*each.field == 0) continue;
      sums_[{hash, fmt::format("{}|{}|{}", key, other, each.name)}] += totals.*each.field;
    }
  }
  void count(const std::string& hash, const Counts& counts, std::optional<days> life) {
    if (life) lives_[hash] = *life;
    for (const auto& [name, count] : counts) sums_[{hash, name}] += count;
  }
  std::vector<Write> writes() const {
    std::vector<Write> writes;
    for (const auto& [where, sum] : sums_) {
      if (sum != 0) writes.push_back(Write::add_to_field(where.first, where.second, sum));
    }
    // Counted from the last run: nothing has to look for old ones.
    for (const auto& [hash, life] : lives_) writes.push_back(Write::expire(hash, life));
    return writes;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::int64_t> sums_;
  std::map<std::string, days> lives_;
};

class SharedHistory final : public History {
 public:
  SharedHistory(store::KeyValueStore& store, Retention retention) : store_(store), retention_(retention) {}

  awaitable<void> add(const Batch& batch) override {
    Sums sums;
    for (const RunRecord& run : batch.runs) {
      if (!batch.details) break;
      const Cell cell = cell_of(run);
      const Day day = floor<days>(cell.hour);
      sums.add(hour_key(cell.hour), cell.key, cell.language, cell.totals, hours_kept);
      sums.add(day_key(day), cell.key, cell.language, cell.totals, retention_.sums);
      sums.add(
          day_hours_key(day), cell.key, fmt::format("{}", (cell.hour - day).count()), cell.totals, retention_.sums);
    }
    for (const auto& [hour, counts] : batch.counts) {
      sums.count(counts_key(hour), counts, hours_kept);
      sums.count(all_counts_key, counts, std::nullopt);
    }
    co_await store_.write(sums.writes());
  }

  awaitable<Cells> cells(Span span, std::string key, By by) override {
    span.begin = std::max(span.begin, system_clock::now() - retention_.sums);
    if (span.begin >= span.end) co_return Cells();
    Cells found;
    if (has(by, By::hour)) {
      found = co_await cells_of_hours(span, key);
    } else {
      found = co_await cells_of_days(span, key);
    }
    co_return gathered(found, by);
  }

  awaitable<std::map<Hour, Counts>> counts(Span span) override {
    std::vector<Hour> all;
    std::vector<std::string> keys;
    for (Hour hour = floor<hours>(std::max(span.begin, system_clock::now() - hours_kept)); hour < span.end;
         hour += hours(1)) {
      all.push_back(hour);
      keys.push_back(counts_key(hour));
    }
    const auto hashes = co_await store_.get_fields_of_all(std::move(keys));
    std::map<Hour, Counts> found;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (hashes[i]) found[all[i]] = counts_of(*hashes[i]);
    }
    co_return found;
  }

  awaitable<Counts> all_counts() override {
    const auto fields = co_await store_.get_fields(all_counts_key);
    if (!fields) co_return Counts();
    co_return counts_of(*fields);
  }

  awaitable<void> prune(system_clock::time_point) override { co_return; }

 private:
  static Counts counts_of(const store::Fields& fields) {
    Counts counts;
    for (const auto& [name, text] : fields) counts[name] = number_of(text);
    return counts;
  }

  // A hash for each day, whatever the day's languages.
  awaitable<Cells> cells_of_hours(Span span, const std::string& key) {
    std::vector<Day> all;
    std::vector<std::string> keys;
    for (Day day = floor<days>(span.begin); day < span.end; day += days(1)) {
      all.push_back(day);
      keys.push_back(day_hours_key(day));
    }
    const auto hashes = co_await store_.get_fields_of_all(std::move(keys));
    Cells found;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!hashes[i]) continue;
      for (const auto& [place, totals] : sums_of(*hashes[i], key)) {
        Cell cell;
        cell.hour = all[i] + hours(number_of(place.second));
        cell.key = place.first;
        cell.totals = totals;
        if (cell.hour >= floor<hours>(span.begin) && cell.hour < span.end) found.push_back(std::move(cell));
      }
    }
    co_return found;
  }

  // Whole days, and the hours before and after them as long as these are kept; a longer time ago the whole day counts.
  awaitable<Cells> cells_of_days(Span span, const std::string& key) {
    std::vector<std::string> keys;
    const Hour end = std::chrono::ceil<hours>(span.end);
    const Hour oldest = std::chrono::ceil<hours>(system_clock::now() - hours_kept);
    for (Hour hour = floor<hours>(span.begin); hour < end;) {
      const Day day = floor<days>(hour);
      const Hour next = day + days(1);
      if ((hour == Hour(day) && next <= end) || hour < oldest) {
        keys.push_back(day_key(day));
        hour = next;
      } else {
        keys.push_back(hour_key(hour));
        hour += hours(1);
      }
    }
    Cells found;
    for (const auto& fields : co_await store_.get_fields_of_all(std::move(keys))) {
      if (!fields) continue;
      for (const auto& [place, totals] : sums_of(*fields, key)) {
        Cell& cell = found.emplace_back();
        cell.key = place.first;
        cell.language = place.second;
        cell.totals = totals;
      }
    }
    co_return found;
  }

  store::KeyValueStore& store_;
  Retention retention_;
};

}  // namespace

std::unique_ptr<History> open_shared_history(store::KeyValueStore& store, Retention retention) {
  return std::make_unique<SharedHistory>(store, retention);
}

}  // namespace ci::metrics
