#include "files/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files/record_text.h"
#include "files/testing/stores.h"

namespace ci::files {
namespace {

using namespace std::chrono_literals;
using store::Write;
using testing::system_clock;

class SessionsTest : public testing::StoresTest {
 protected:
  std::optional<Session> find(const std::string& id) { return stores_.loop.run(sessions_.find(id)); }
  std::optional<std::string> find_by_entity(const std::string& entity, const Caller& caller) {
    const auto session = stores_.loop.run(sessions_.find_by_entity(entity, caller));
    if (!session) return std::nullopt;
    return session->id;
  }

  Sessions sessions_{*stores_.records, SessionSettings()};
  const Caller alice_{"env", "alice"};
};

INSTANTIATE_TEST_SUITE_P(
    Stores, SessionsTest, ::testing::ValuesIn(store::testing::all_backends), testing::name_of_backend);

TEST_P(SessionsTest, AreFoundAsTheyWereWritten) {
  const Session draft = sessions_.draft(alice_, "agent", true);
  EXPECT_FALSE(find(draft.id));
  stores_.write(sessions_.writes_for(draft));
  const auto found = find(draft.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->credential, "env");
  EXPECT_EQ(found->user, "alice");
  EXPECT_EQ(found->entity, "agent");
  EXPECT_TRUE(found->shared);
  EXPECT_FALSE(found->expires);
  EXPECT_LT(found->created - draft.created, 1us);
}

TEST_P(SessionsTest, HaveTheKeysAndFieldsOfTheReference) {
  const Session session = stores_.add_session(sessions_, alice_, "agent", 0s);
  const auto fields = stores_.loop.run(stores_.records->get_fields("sessions:" + session.id));
  ASSERT_TRUE(fields);
  EXPECT_THAT(*fields, ::testing::Contains(std::pair("session_id", session.id)));
  EXPECT_THAT(*fields, ::testing::Contains(std::pair("status", "active")));
  EXPECT_THAT(
      *fields, ::testing::Contains(::testing::Pair("expires_at", ::testing::StartsWith("9999-12-31T23:59:59"))));
  EXPECT_THAT(stores_.loop.run(stores_.records->members("sessions:index")), ::testing::ElementsAre(session.id));
  EXPECT_THAT(members(entity_key("agent", "env", "alice")), ::testing::ElementsAre(session.id));
}

TEST_P(SessionsTest, OfTheReferenceAreRead) {
  stores_.write(Write::set_fields(
      "sessions:abc", {{"session_id", "abc"},
                       {"status", "active"},
                       {"created_at", "2026-01-09T10:20:55.101000+00:00"},
                       {"last_activity", "2026-01-09T10:20:56+00:00"},
                       {"expires_at", "9999-12-31T23:59:59Z"},
                       {"pod_name", ""},
                       {"metadata", R"({"entity_id": "agent", "user_id": "alice"})"}}));
  const auto found = find("abc");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, "alice");
  EXPECT_EQ(found->entity, "agent");
  EXPECT_FALSE(found->expires);
  EXPECT_EQ(found->last_activity - found->created, 899ms);
  // Another user does not get into it by the agent they share.
  stores_.write(Write::add_member("entity_sessions:agent", "abc"));
  EXPECT_EQ(find_by_entity("agent", Caller("env", "")), std::nullopt);
  EXPECT_EQ(find_by_entity("agent", alice_), "abc");
}

TEST_P(SessionsTest, BrokenMetadataIsNoMetadata) {
  for (const char* metadata : {"{", "[]", "null", R"({"user_id": 5})"}) {
    stores_.write(
        Write::set_fields("sessions:abc", {{"session_id", "abc"}, {"status", "active"}, {"metadata", metadata}}));
    ASSERT_TRUE(find("abc")) << metadata;
    EXPECT_EQ(find("abc")->user, "") << metadata;
  }
}

TEST_P(SessionsTest, ThatEndedOrStoppedAreNotFound) {
  const Session ended = stores_.add_session(sessions_, alice_, "", 2h, 1h);
  EXPECT_FALSE(find(ended.id));
  Session stopped = sessions_.draft(alice_, "", false);
  stopped.active = false;
  stores_.write(sessions_.writes_for(stopped));
  EXPECT_FALSE(find(stopped.id));
}

TEST_P(SessionsTest, StrangeIdsAreOnlyNotFound) {
  stores_.add_session(sessions_, alice_, "", 0s);
  for (const char* id : {"index", "", "a:b", "../x", "a b"}) EXPECT_FALSE(find(id)) << id;
}

TEST_P(SessionsTest, OfAnEntityTheLatestOfTheSameCallerIsReused) {
  const Session older = stores_.add_session(sessions_, alice_, "agent", 10min);
  const Session latest = stores_.add_session(sessions_, alice_, "agent", 5min);
  const Session bobs = stores_.add_session(sessions_, Caller("env", "bob"), "agent", 1min);
  const Session nobodys = stores_.add_session(sessions_, Caller("env", ""), "agent", 1min);
  const Session other_key = stores_.add_session(sessions_, Caller("key", "alice"), "agent", 1min);
  stores_.add_session(sessions_, alice_, "agent", 0min, {}, true);  // shared
  EXPECT_EQ(find_by_entity("agent", alice_), latest.id);
  EXPECT_EQ(find_by_entity("agent", Caller("env", "")), nobodys.id);
  EXPECT_EQ(find_by_entity("agent", Caller("key", "alice")), other_key.id);
  EXPECT_EQ(find_by_entity("agent", Caller("key", "bob")), std::nullopt);
  EXPECT_EQ(find_by_entity("other agent", alice_), std::nullopt);
}

TEST_P(SessionsTest, DeadOnesLeaveTheEntitysSetOnSight) {
  const Session live = stores_.add_session(sessions_, alice_, "agent", 0s);
  const Session ended = stores_.add_session(sessions_, alice_, "agent", 2h, 1h);
  const std::string ours = entity_key("agent", "env", "alice"), of_all = entity_of_all_key("agent");
  for (const std::string& key : {ours, of_all}) stores_.write(Write::add_member(key, "vanished"));
  EXPECT_EQ(find_by_entity("agent", alice_), live.id);
  EXPECT_THAT(members(ours), ::testing::ElementsAre(live.id));
  EXPECT_EQ(find_by_entity("agent", Caller("env", "bob")), std::nullopt);
  EXPECT_THAT(members(of_all), ::testing::IsEmpty());
}

TEST_P(SessionsTest, AreTouchedOnceAMinute) {
  SessionSettings settings;
  settings.ttl = 24h;
  const Sessions sessions(*stores_.records, settings);
  Session session = stores_.add_session(sessions, alice_, "", 59s);
  EXPECT_TRUE(sessions.touch(session).empty());
  session = stores_.add_session(sessions, alice_, "", 2min);
  session.expires = system_clock::now() + 1h;
  stores_.write(sessions.writes_for(session));
  stores_.write(sessions.touch(session));
  const auto found = find(session.id);
  ASSERT_TRUE(found);
  EXPECT_GT(found->last_activity, system_clock::now() - 1min);
  EXPECT_GT(*found->expires, system_clock::now() + 23h);
  EXPECT_GT(*stores_.loop.run(stores_.records->remaining("sessions:" + session.id)), 23h);
  EXPECT_TRUE(sessions.touch(session).empty());
}

TEST_P(SessionsTest, OfOneNameAreOne) {
  const auto named = [this](const std::string& name, const Caller& caller) {
    return stores_.loop.run(sessions_.named(name, caller, ""));
  };
  const auto first = named("trip", alice_);
  EXPECT_FALSE(first.existed);
  EXPECT_EQ(first.digest.size(), 40u);
  // Somebody else who asks before the first one is stored means the same session.
  const auto second = named("trip", alice_);
  EXPECT_FALSE(second.existed);
  EXPECT_EQ(second.session.id, first.session.id);
  stores_.write(sessions_.writes_for(first.session));
  const auto third = named("trip", alice_);
  EXPECT_TRUE(third.existed);
  EXPECT_EQ(third.session.id, first.session.id);
  EXPECT_EQ(third.digest, first.digest);
  // Other names and other credentials mean others.
  EXPECT_NE(named("tri", alice_).session.id, first.session.id);
  const Caller mallory("other", "alice");
  EXPECT_NE(named("trip", mallory).session.id, first.session.id);
  EXPECT_NE(named("trip", mallory).digest, first.digest);
  const Caller bob(alice_.credential, "bob"), nobody(alice_.credential, "");
  EXPECT_NE(named("trip", bob).session.id, first.session.id);
  EXPECT_NE(named("trip", nobody).session.id, first.session.id);
  EXPECT_NE(named("trip", nobody).session.id, named("trip", bob).session.id);
}

TEST_P(SessionsTest, KeepTheirNamesAsLongAsThemselves) {
  const auto life_of = [this](const std::string& digest) {
    return stores_.loop.run(stores_.records->remaining("session_names:" + digest));
  };
  // Without an end.
  auto first = stores_.loop.run(sessions_.named("trip", alice_, ""));
  stores_.write(sessions_.writes_for(first.session));
  EXPECT_EQ(life_of(first.digest), std::nullopt);
  // With one: the name's moves with the session's.
  SessionSettings settings;
  settings.ttl = 24h;
  Sessions finite(*stores_.records, settings);
  auto second = stores_.loop.run(finite.named("tour", alice_, ""));
  second.session.last_activity -= 2h;
  second.session.expires = second.session.last_activity + 24h;
  stores_.write(finite.writes_for(second.session));
  EXPECT_LT(*life_of(second.digest), 25h);
  auto again = stores_.loop.run(finite.named("tour", alice_, ""));
  EXPECT_TRUE(again.existed);
  stores_.write(finite.touch(again.session));
  EXPECT_GT(*life_of(second.digest), 24h - 1min);
  // And with the setting.
  again.session.last_activity -= 2h;
  stores_.write(sessions_.touch(again.session));
  EXPECT_EQ(life_of(second.digest), std::nullopt);
}

TEST_P(SessionsTest, ThatEndedGiveTheirNameToANewOne) {
  const auto first = stores_.loop.run(sessions_.named("trip", alice_, ""));
  stores_.write(sessions_.writes_for(first.session));
  stores_.write(Write::set_fields("sessions:" + first.session.id, {{"expires_at", "2026-01-09T10:20:55+00:00"}}));
  const auto second = stores_.loop.run(sessions_.named("trip", alice_, ""));
  EXPECT_FALSE(second.existed);
  EXPECT_NE(second.session.id, first.session.id);
  EXPECT_EQ(stores_.loop.run(sessions_.named("trip", alice_, "")).session.id, second.session.id);
}

TEST_P(SessionsTest, FollowASettingThatChanged) {
  SessionSettings settings;
  settings.ttl = 24h;
  const Sessions finite(*stores_.records, settings);
  // Began with an end, is touched by a server without one.
  Session session = stores_.add_session(finite, alice_, "", 2min);
  stores_.write(sessions_.touch(session));
  ASSERT_TRUE(find(session.id));
  EXPECT_FALSE(find(session.id)->expires);
  EXPECT_EQ(stores_.loop.run(stores_.records->remaining("sessions:" + session.id)), std::nullopt);
  // And the other way.
  session = stores_.add_session(sessions_, alice_, "", 2min);
  stores_.write(finite.touch(session));
  EXPECT_TRUE(find(session.id)->expires);
  EXPECT_TRUE(stores_.loop.run(stores_.records->remaining("sessions:" + session.id)));
}

}  // namespace
}  // namespace ci::files
