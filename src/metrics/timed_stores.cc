#include "metrics/timed_stores.h"

namespace ci::metrics {

namespace {

using std::chrono::steady_clock;

// Counts one call when it ends, however it does.
class Call {
 public:
  Call(Figures& figures, const char* store, const char* operation)
      : figures_(figures), store_(store), operation_(operation) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    const auto time = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begin_);
    figures_.store_call(store_, operation_, time, !succeeded_);
  }
  void succeed() { succeeded_ = true; }

 private:
  Figures& figures_;
  const char* store_;
  const char* operation_;
  steady_clock::time_point begin_ = steady_clock::now();
  bool succeeded_ = false;
};

class Timer {
 public:
  Timer(const char* name, Figures& figures) : name_(name), figures_(figures) {}

  template <class T>
  awaitable<T> time(const char* operation, awaitable<T> work) {
    Call call(figures_, name_, operation);
    T result = co_await std::move(work);
    call.succeed();
    co_return result;
  }
  awaitable<void> time(const char* operation, awaitable<void> work) {
    Call call(figures_, name_, operation);
    co_await std::move(work);
    call.succeed();
  }

 private:
  const char* name_;
  Figures& figures_;
};

class TimedRecords final : public store::KeyValueStore {
 public:
  TimedRecords(std::unique_ptr<store::KeyValueStore> store, const char* name, Figures& figures)
      : store_(std::move(store)), timer_(name, figures) {}

  awaitable<std::optional<std::string>> get(std::string key) override {
    return timer_.time("get", store_->get(std::move(key)));
  }
  awaitable<std::optional<store::Fields>> get_fields(std::string key) override {
    return timer_.time("get", store_->get_fields(std::move(key)));
  }
  awaitable<std::vector<std::optional<store::Fields>>> get_fields_of_all(std::vector<std::string> keys) override {
    return timer_.time("get_many", store_->get_fields_of_all(std::move(keys)));
  }
  awaitable<std::vector<std::string>> members(std::string key) override {
    return timer_.time("members", store_->members(std::move(key)));
  }
  awaitable<std::optional<std::chrono::milliseconds>> remaining(std::string key) override {
    return timer_.time("get", store_->remaining(std::move(key)));
  }
  awaitable<void> write(std::vector<store::Write> writes) override {
    return timer_.time("write", store_->write(std::move(writes)));
  }
  awaitable<bool> write_if(std::vector<store::Condition> conditions, std::vector<store::Write> writes) override {
    return timer_.time("write", store_->write_if(std::move(conditions), std::move(writes)));
  }
  awaitable<bool> set_if_absent(std::string key, std::string value, store::Ttl ttl) override {
    return timer_.time("lease", store_->set_if_absent(std::move(key), std::move(value), ttl));
  }
  awaitable<bool> remove_if_equal(std::string key, std::string expected) override {
    return timer_.time("lease", store_->remove_if_equal(std::move(key), std::move(expected)));
  }
  awaitable<std::int64_t> increment(std::string key, std::int64_t by, store::Ttl window) override {
    return timer_.time("count", store_->increment(std::move(key), by, window));
  }
  awaitable<store::Counted> increment_all(std::vector<store::Counter> counters) override {
    return timer_.time("count", store_->increment_all(std::move(counters)));
  }
  awaitable<bool> take_place(
      std::string key, std::string holder, std::int64_t most, std::chrono::milliseconds lease) override {
    return timer_.time("lease", store_->take_place(std::move(key), std::move(holder), most, lease));
  }
  awaitable<void> leave_place(std::string key, std::string holder) override {
    return timer_.time("lease", store_->leave_place(std::move(key), std::move(holder)));
  }
  awaitable<Page> scan(std::string prefix, std::string cursor, int limit) override {
    return timer_.time("scan", store_->scan(std::move(prefix), std::move(cursor), limit));
  }
  awaitable<Page> scan_members(std::string key, std::string cursor, int limit) override {
    return timer_.time("scan", store_->scan_members(std::move(key), std::move(cursor), limit));
  }
  awaitable<void> ping() override { return timer_.time("ping", store_->ping()); }
  awaitable<store::Facts> facts() override { return timer_.time("ping", store_->facts()); }

 private:
  std::unique_ptr<store::KeyValueStore> store_;
  Timer timer_;
};

class TimedObjects final : public store::ObjectStore {
 public:
  TimedObjects(std::unique_ptr<store::ObjectStore> store, const char* name, Figures& figures)
      : store_(std::move(store)), timer_(name, figures) {}

  awaitable<store::StoredObject> put(
      std::string key, ByteSource& source, std::uint64_t limit, store::Metadata metadata) override {
    return timer_.time("put", store_->put(std::move(key), source, limit, std::move(metadata)));
  }
  // Until the body can be read.
  awaitable<std::optional<store::OpenObject>> open(std::string key, store::Range range) override {
    return timer_.time("open", store_->open(std::move(key), range));
  }
  awaitable<std::optional<store::ObjectInfo>> head(std::string key) override {
    return timer_.time("head", store_->head(std::move(key)));
  }
  awaitable<void> remove(std::string key) override { return timer_.time("remove", store_->remove(std::move(key))); }
  awaitable<Page> list(std::string prefix, std::string cursor, int limit) override {
    return timer_.time("list", store_->list(std::move(prefix), std::move(cursor), limit));
  }
  awaitable<void> ping() override { return timer_.time("ping", store_->ping()); }
  awaitable<store::Facts> facts() override { return timer_.time("ping", store_->facts()); }

 private:
  std::unique_ptr<store::ObjectStore> store_;
  Timer timer_;
};

}  // namespace

std::unique_ptr<store::KeyValueStore> timed(
    std::unique_ptr<store::KeyValueStore> store, const char* name, Figures& figures) {
  return std::make_unique<TimedRecords>(std::move(store), name, figures);
}

std::unique_ptr<store::ObjectStore> timed(
    std::unique_ptr<store::ObjectStore> store, const char* name, Figures& figures) {
  return std::make_unique<TimedObjects>(std::move(store), name, figures);
}

}  // namespace ci::metrics
