#include "store/redis/redis_store_fixture.h"

namespace ci::store::redis {
namespace {

TEST_F(RedisStore, FollowsTheSentinelsToTheNewMaster) {
  TestSentinel servers(loop_, true);
  RedisSettings settings = servers.settings();
  settings.timeout = 20s;
  open_at(settings);
  set("k", "v");
  tell(loop_, settings_for(servers.master()), servers.master().port(), {"WAIT", "1", "5000"});
  servers.master().kill();
  EXPECT_EQ(get("k"), "v");
  set("k", "from the new one");
  const RedisSettings replica = settings_for(servers.replica());
  EXPECT_EQ(tell(loop_, replica, servers.replica().port(), {"GET", "k"}).text, "from the new one");
}

TEST_F(RedisStore, SaysWhatIsWrongWithSentinels) {
  TestSentinel servers(loop_, false);
  RedisSettings settings = servers.settings();
  settings.timeout = 1s;
  settings.sentinel_master = "unknown";
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("REDIS_SENTINEL_MASTER"));
  servers.sentinel().kill();
  open_at(servers.settings());
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("no sentinel answers"));
}

TEST_F(RedisStore, FollowsASlotThroughTheCluster) {
  TestCluster cluster(loop_);
  open_at(cluster.settings());
  const std::uint16_t slot = slot_of("{tag}");
  const size_t from = TestCluster::first_owner(slot);
  const size_t to = (from + 1) % 3;
  const std::string number = std::to_string(slot);
  const std::string source = cluster.say(from, {"CLUSTER", "MYID"}).text;
  const std::string target = cluster.say(to, {"CLUSTER", "MYID"}).text;
  set("{tag}stays", "1");
  set("{tag}moves", "2");
  const auto other =
      open(loop_.executor(), cluster.settings());  // knows where the slot is now, and asks again only later
  EXPECT_EQ(loop_.run(other->get("{tag}moves")), "2");
  cluster.say(to, {"CLUSTER", "SETSLOT", number, "IMPORTING", source});
  cluster.say(from, {"CLUSTER", "SETSLOT", number, "MIGRATING", target});
  cluster.say(from, {"MIGRATE", "127.0.0.1", std::to_string(cluster.node(to).port()), "{tag}moves", "0", "5000"});
  // Half of it has moved: some is asked for there.
  EXPECT_EQ(get("{tag}moves"), "2");
  EXPECT_EQ(get("{tag}stays"), "1");
  loop_.run(store_->write(one(Write::set_fields("{tag}new", {{"a", "1"}}, 1h))));
  EXPECT_EQ(cluster.say(to, {"CLUSTER", "COUNTKEYSINSLOT", number}).integer, 2);
  cluster.say(from, {"MIGRATE", "127.0.0.1", std::to_string(cluster.node(to).port()), "{tag}stays", "0", "5000"});
  for (const size_t i : {to, from}) cluster.say(i, {"CLUSTER", "SETSLOT", number, "NODE", target});
  // All of it has moved: the old owner says so.
  EXPECT_EQ(get("{tag}stays"), "1");
  EXPECT_EQ(loop_.run(store_->increment("{tag}n", 5, 1h)), 5);
  EXPECT_EQ(get("{tag}n"), "5");
  // Many at once are sent on.
  std::vector<std::string> keys(40, "{tag}new");
  const auto all = loop_.run(other->get_fields_of_all(std::move(keys)));
  EXPECT_EQ(std::ranges::count_if(all, [](const auto& fields) { return fields.has_value(); }), 40);
}

TEST_F(RedisStore, ScansAllMastersOfACluster) {
  TestCluster cluster(loop_);
  RedisSettings settings = cluster.settings();
  settings.key_prefix = "p:";
  settings.timeout = 2s;
  open_at(settings);
  std::set<std::string> expected, found;
  std::vector<Write> writes;
  for (int i = 0; i < 500; ++i) writes.push_back(Write::set(*expected.insert("k:" + std::to_string(i)).first, "1"));
  loop_.run(store_->write(std::move(writes)));
  for (size_t i = 0; i < 3; ++i) EXPECT_GT(cluster.say(i, {"DBSIZE"}).integer, 100);
  std::string cursor;
  do {
    auto page = loop_.run(store_->scan("k:", cursor, 50));
    EXPECT_LE(page.keys.size(), 100u);
    found.insert(page.keys.begin(), page.keys.end());
    cursor = page.cursor;
  } while (!cursor.empty());
  EXPECT_EQ(found, expected);

  // Without one of the masters its keys are unavailable, and nobody pretends otherwise.
  cluster.node(0).kill();
  EXPECT_EQ(failure_of([&] { loop_.run(store_->ping()); }), FailureKind::unavailable);
  std::string lost = "k:0";
  for (const std::string& key : expected) {
    if (TestCluster::first_owner(slot_of("p:" + key)) == 0) lost = key;
  }
  EXPECT_EQ(failure_of([&] { get(lost); }), FailureKind::unavailable);
}

}  // namespace
}  // namespace ci::store::redis
