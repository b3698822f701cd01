#include "store/redis/redis_store.h"

#include <algorithm>

#include "base/log.h"
#include "store/redis/client.h"
#include "store/redis/scripts.h"
#include "store/redis/server_facts.h"
#include "store/redis/target.h"
#include "store/redis/words.h"

namespace ci::store::redis {

namespace {

using std::chrono::milliseconds;

std::optional<Fields> fields_of(Reply& reply) {
  require_success(reply);
  if (reply.elements.empty()) return std::nullopt;
  Fields fields;
  fields.reserve(reply.elements.size() / 2);
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    fields.emplace_back(std::move(reply.elements[i].text), std::move(reply.elements[i + 1].text));
  }
  return fields;
}

class RedisStore final : public KeyValueStore {
 public:
  RedisStore(asio::any_io_executor executor, const RedisSettings& settings, const Target& target)
      : prefix_(settings.key_prefix),
        tls_(open_tls(target)),
        access_(access_for(executor, settings, target, target.login)),
        sentinel_access_(access_for(executor, settings, target, target.sentinel_login)),
        servers_(open_servers(settings, target)),
        client_(*servers_, settings.timeout) {
    access_.must_be_master = target.mode == Mode::sentinel;
  }

  awaitable<std::optional<std::string>> get(std::string key) override {
    Unit ask = unit("GET", key);
    Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
    if (reply.kind == Reply::Kind::nil) co_return std::nullopt;
    co_return std::move(reply.text);
  }

  awaitable<std::optional<Fields>> get_fields(std::string key) override {
    Unit ask = unit("HGETALL", key);
    Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    co_return fields_of(reply);
  }

  awaitable<std::vector<std::optional<Fields>>> get_fields_of_all(std::vector<std::string> keys) override {
    std::vector<Unit> units;
    for (const std::string& key : keys) units.push_back(unit("HGETALL", key));
    std::vector<Reply> replies = co_await client_.run(std::move(units), Repeat::allowed);
    std::vector<std::optional<Fields>> found;
    for (Reply& reply : replies) found.push_back(fields_of(reply));
    co_return found;
  }

  awaitable<std::vector<std::string>> members(std::string key) override {
    Unit ask = unit("SMEMBERS", key);
    Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
    std::vector<std::string> members;
    for (Reply& element : reply.elements) members.push_back(std::move(element.text));
    co_return members;
  }

  awaitable<std::optional<milliseconds>> remaining(std::string key) override {
    Unit ask = unit("PTTL", key);
    const Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
    if (reply.integer < 0) co_return std::nullopt;  // no such key, or no end
    co_return milliseconds(reply.integer);
  }

  awaitable<void> write(std::vector<Write> writes) override {
    std::vector<Unit> units;
    std::vector<Command> commands;
    for (const Write& each : writes) {
      const std::string key = full(each.key);
      add_commands(each, key, commands);
      if (!servers_->are_many() || commands.empty()) continue;
      units.emplace_back(slot_of(key), std::move(commands));
      commands.clear();
    }
    if (!commands.empty()) units.emplace_back(std::uint16_t{0}, std::move(commands));
    const std::vector<Reply> replies = co_await client_.run(std::move(units), Repeat::allowed, Order::given);
    for (const Reply& reply : replies) require_success(reply);
  }

  awaitable<bool> write_if(std::vector<Condition> conditions, std::vector<Write> writes) override {
    if (servers_->are_many()) {
      for (const Condition& each : conditions) {
        const auto found = co_await get(each.key);
        if (found != each.value) co_return false;
      }
      co_await write(std::move(writes));
      co_return true;
    }
    std::vector<Step> steps;
    for (const Write& each : writes) add_steps(each, full(each.key), steps);
    std::vector<std::string> keys, counts;
    for (const Condition& each : conditions) keys.push_back(full(each.key));
    counts.reserve(steps.size() + 1);
    counts.push_back(std::to_string(keys.size()));
    std::vector<std::string_view> words = {"EVAL", write_if_script, counts.back()};
    words.insert(words.end(), keys.begin(), keys.end());
    for (const Condition& each : conditions) words.push_back(each.value);
    for (const Step& step : steps) {
      words.push_back(counts.emplace_back(std::to_string(step.size())));
      words.insert(words.end(), step.begin(), step.end());
    }
    Unit ask(std::uint16_t{0}, Command(words));
    const Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
    co_return reply.integer != 0;
  }

  awaitable<bool> set_if_absent(std::string key, std::string value, Ttl ttl) override {
    const std::string name = full(key);
    std::vector<std::string_view> words = {"SET", name, value, "NX"};
    std::string life;
    if (ttl) {
      life = life_text(ttl);
      words.push_back("PX");
      words.push_back(life);
    }
    Unit ask(slot_of(name), Command(words));
    const Reply reply = co_await client_.run_one(std::move(ask), Repeat::never);
    require_success(reply);
    co_return reply.kind == Reply::Kind::status;
  }

  awaitable<bool> remove_if_equal(std::string key, std::string expected) override {
    const std::string name = full(key);
    Unit ask(slot_of(name), Command({"EVAL", remove_if_equal_script, "1", name, expected}));
    const Reply reply = co_await client_.run_one(std::move(ask), Repeat::never);
    require_success(reply);
    co_return reply.integer != 0;
  }

  awaitable<std::int64_t> increment(std::string key, std::int64_t by, Ttl window) override {
    Unit add = addition(key, by, window);
    const Reply reply = co_await client_.run_one(std::move(add), Repeat::never);
    co_return sum_of(reply);
  }

  awaitable<Counted> increment_all(std::vector<Counter> counters) override {
    if (counters.empty()) co_return Counted();
    if (servers_->are_many()) co_return co_await increment_apart(std::move(counters));
    std::vector<std::string> words = {"EVAL", std::string(increment_all_script), std::to_string(counters.size())};
    for (const Counter& each : counters) words.push_back(full(each.key));
    for (const Counter& each : counters) {
      words.push_back(std::to_string(each.by));
      words.push_back(each.limit ? std::to_string(*each.limit) : "");
      words.push_back(each.window ? life_text(each.window) : "");
    }
    const std::vector<std::string_view> views(words.begin(), words.end());
    Unit ask(0, Command(views));
    const Reply reply = co_await client_.run_one(std::move(ask), Repeat::never);
    require_success(reply);
    if (reply.elements.size() != counters.size() + 1) {
      throw Failure(FailureKind::internal, "Redis answers a script in an unknown form");
    }
    Counted counted;
    const std::int64_t refused = reply.elements.front().integer;
    if (refused > 0) counted.refused = static_cast<size_t>(refused - 1);
    for (size_t i = 1; i < reply.elements.size(); ++i) counted.sums.push_back(reply.elements[i].integer);
    co_return counted;
  }

  awaitable<bool> take_place(std::string key, std::string holder, std::int64_t most, milliseconds lease) override {
    const std::string name = full(key), bound = std::to_string(most), life = life_text(lease);
    Unit ask(slot_of(name), Command({"EVAL", take_place_script, "1", name, holder, bound, life}));
    const Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
    co_return reply.integer != 0;
  }

  awaitable<void> leave_place(std::string key, std::string holder) override {
    const std::string name = full(key);
    Unit ask(slot_of(name), Command({"ZREM", name, holder}));
    const Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
  }

  // The cursor is Redis' own, and of which server.
  awaitable<Page> scan(std::string prefix, std::string cursor, int limit) override {
    const std::vector<std::shared_ptr<Pool>> pools = co_await servers_->all(client_.deadline());
    const size_t at = cursor.find('@');
    std::string position = at == cursor.npos ? "0" : cursor.substr(0, at);
    const std::string server = at == cursor.npos ? "" : cursor.substr(at + 1);
    // The servers are in order: when this one has gone, the next one follows.
    auto pool = std::ranges::find_if(pools, [&](const auto& each) { return each->endpoint().text() >= server; });
    if (pool == pools.end()) co_return Page();
    if (pools.size() > 1 && (*pool)->endpoint().text() != server) position = "0";

    Unit ask(
        0,
        Command({"SCAN", position, "MATCH", pattern_of(full(prefix)), "COUNT", std::to_string(std::max(limit, 10))}));
    ask.place = *pool;
    Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
    if (reply.elements.size() != 2) throw Failure(FailureKind::internal, "Redis answers SCAN in an unknown form");
    Page page;
    for (Reply& key : reply.elements[1].elements) page.keys.push_back(key.text.substr(prefix_.size()));
    position = reply.elements[0].text;
    if (position == "0" && ++pool == pools.end()) co_return page;
    page.cursor = position + "@" + (*pool)->endpoint().text();
    co_return page;
  }

  awaitable<Page> scan_members(std::string key, std::string cursor, int limit) override {
    const std::string name = full(key);
    Unit ask(
        slot_of(name),
        Command({"SSCAN", name, cursor.empty() ? "0" : cursor, "COUNT", std::to_string(std::max(limit, 10))}));
    Reply reply = co_await client_.run_one(std::move(ask), Repeat::allowed);
    require_success(reply);
    if (reply.elements.size() != 2) throw Failure(FailureKind::internal, "Redis answers SSCAN in an unknown form");
    Page page;
    for (Reply& member : reply.elements[1].elements) page.keys.push_back(std::move(member.text));
    if (reply.elements[0].text != "0") page.cursor = std::move(reply.elements[0].text);
    co_return page;
  }

  awaitable<void> ping() override {
    const std::vector<Reply> replies = co_await ask_all("PING");
    for (const Reply& reply : replies) require_success(reply);
  }

  awaitable<Facts> facts() override {
    const std::vector<Reply> replies = co_await ask_all("INFO");
    co_return facts_of(replies);
  }

 private:
  // Each server.
  awaitable<std::vector<Reply>> ask_all(std::string_view verb) {
    const std::vector<std::shared_ptr<Pool>> pools = co_await servers_->all(client_.deadline());
    std::vector<Reply> replies;
    for (const auto& pool : pools) {
      Unit unit(0, Command({verb}));
      unit.place = pool;
      Reply reply = co_await client_.run_one(std::move(unit), Repeat::allowed);
      replies.push_back(std::move(reply));
    }
    co_return replies;
  }

  Access access_for(
      const asio::any_io_executor& executor, const RedisSettings& settings, const Target& target, const Login& login) {
    Access access(executor, login);
    access.tls = tls_ ? &*tls_ : nullptr;
    access.check_hostname = target.check_hostname;
    access.connect_timeout = settings.connect_timeout;
    access.timeout = settings.timeout;
    return access;
  }

  std::unique_ptr<Servers> open_servers(const RedisSettings& settings, const Target& target) {
    const Site site(access_, settings.max_connections);
    switch (target.mode) {
      case Mode::cluster:
        return open_cluster(site, target.servers);
      case Mode::sentinel:
        return open_sentinel(site, sentinel_access_, target.servers, settings.sentinel_master);
      case Mode::standalone:
        break;
    }
    return open_standalone(site, target.servers.front());
  }

  // Together: whoever comes first opens the window, and the sum never outlives it.
  Unit addition(const std::string& key, std::int64_t by, const Ttl& window) const {
    const std::string name = full(key);
    std::vector<Command> commands;
    if (window) commands.push_back(Command({"SET", name, "0", "PX", life_text(window), "NX"}));
    commands.push_back(Command({"INCRBY", name, std::to_string(by)}));
    return Unit(slot_of(name), std::move(commands));
  }

  static std::int64_t sum_of(const Reply& reply) {
    require_success(reply);
    return reply.elements.empty() ? reply.integer : reply.elements.back().integer;
  }

  // The counters are in different slots, so no script may touch them all: everything is added, and taken away again when
  // that was too much.
  awaitable<Counted> increment_apart(std::vector<Counter> counters) {
    std::vector<Unit> units;
    for (const Counter& each : counters) units.push_back(addition(each.key, each.by, each.window));
    const std::vector<Reply> replies = co_await client_.run(std::move(units), Repeat::never);
    Counted counted;
    for (size_t i = 0; i < counters.size(); ++i) {
      counted.sums.push_back(sum_of(replies[i]));
      if (counters[i].limit && counted.sums[i] > *counters[i].limit && !counted.refused) counted.refused = i;
    }
    if (!counted.refused) co_return counted;
    std::vector<Unit> back;
    for (const Counter& each : counters) back.push_back(addition(each.key, -each.by, each.window));
    const std::vector<Reply> restored = co_await client_.run(std::move(back), Repeat::never);
    for (size_t i = 0; i < counters.size(); ++i) counted.sums[i] = sum_of(restored[i]);
    co_return counted;
  }

  std::string full(const std::string& key) const { return prefix_ + key; }

  Unit unit(std::string_view verb, const std::string& key) const {
    const std::string name = full(key);
    return Unit(slot_of(name), Command({verb, name}));
  }

  const std::string prefix_;
  std::optional<asio::ssl::context> tls_;
  Access access_;
  Access sentinel_access_;
  std::unique_ptr<Servers> servers_;
  Client client_;
};

}  // namespace

std::unique_ptr<KeyValueStore> open(asio::any_io_executor executor, const RedisSettings& settings) {
  const Target target = resolve(settings);
  auto store = std::make_unique<RedisStore>(std::move(executor), settings, target);
  for (const std::string& remark : target.remarks) log_warning("setting without effect", {{"setting", remark}});
  log_info("records are kept in redis", {{"server", target.description()}, {"prefix", settings.key_prefix}});
  return store;
}

}  // namespace ci::store::redis
