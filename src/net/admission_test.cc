#include "net/admission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ci::net {
namespace {

using namespace std::chrono_literals;

struct One {
  std::string source;
  Standing standing;
  bool reserved = false;
};

One occupant(std::string source, Standing::What what, std::chrono::seconds time = 10s, std::uint64_t rate = 0) {
  One one;
  one.source = std::move(source);
  one.standing.what = what;
  one.standing.time = time;
  one.standing.bytes_per_second = rate;
  return one;
}

Admission admit(
    const std::vector<One>& there, const std::string& source, bool is_proxy, const AdmissionLimits& limits) {
  std::vector<Occupant> occupants;
  for (const One& one : there) {
    Occupant occupant;
    occupant.same_source = one.source == source;
    occupant.of_source = static_cast<std::size_t>(std::ranges::count(there, one.source, &One::source));
    occupant.standing = one.standing;
    occupant.reserved = one.reserved;
    occupants.push_back(occupant);
  }
  return net::admit(occupants, is_proxy, limits);
}

constexpr auto idle = Standing::What::idle, waiting = Standing::What::waiting, working = Standing::What::working;

AdmissionLimits limits(std::size_t all, std::size_t per_source = 100) {
  AdmissionLimits result;
  result.all = all;
  result.per_source = per_source;
  result.reserved = 1;
  return result;
}

TEST(Admission, NobodyGoesWhileThereIsRoom) {
  const std::vector<One> there = {occupant("a", idle), occupant("a", waiting)};
  const Admission admission = admit(there, "a", false, limits(3));
  EXPECT_FALSE(admission.evicted);
  EXPECT_FALSE(admission.reserved);
}

TEST(Admission, WhoHasMostGivesUpTheOneThatIsIdleLongest) {
  const std::vector<One> there = {
      occupant("b", idle, 900s), occupant("a", waiting, 500s), occupant("a", idle, 5s), occupant("a", idle, 7s)};
  EXPECT_EQ(admit(there, "c", false, limits(4)).evicted, 3u);
}

TEST(Admission, WithoutIdleOnesTheSlowestGoes) {
  const std::vector<One> there = {
      occupant("a", working), occupant("a", waiting, 10s, 900), occupant("a", waiting, 9s, 3),
      occupant("b", waiting, 90s, 0)};
  EXPECT_EQ(admit(there, "b", false, limits(4)).evicted, 2u);
}

TEST(Admission, WhoWorksOrKeepsUpOrHasJustComeStays) {
  const std::vector<One> there = {
      occupant("a", working), occupant("a", waiting, 10s, 1 << 20), occupant("a", waiting, 0s)};
  const Admission admission = admit(there, "b", false, limits(3));
  EXPECT_FALSE(admission.evicted);
  EXPECT_TRUE(admission.reserved);
}

TEST(Admission, AnAddressAtItsOwnLimitTakesFromItselfOnly) {
  const std::vector<One> there = {occupant("b", idle, 900s), occupant("a", idle), occupant("a", waiting)};
  EXPECT_EQ(admit(there, "a", false, limits(100, 2)).evicted, 1u);
  EXPECT_FALSE(admit(there, "a", true, limits(100, 2)).evicted);  // a proxy's clients are many
  const std::vector<One> busy = {occupant("b", idle, 900s), occupant("a", working), occupant("a", working)};
  EXPECT_TRUE(admit(busy, "a", false, limits(100, 2)).reserved);
}

TEST(Admission, ReservedPlacesDoNotCountAndTheOldestOfThemGoes) {
  std::vector<One> there = {occupant("a", working), occupant("b", waiting, 3s)};
  there[1].reserved = true;
  const Admission admission = admit(there, "c", false, limits(1));
  EXPECT_TRUE(admission.reserved);
  EXPECT_EQ(admission.evicted, 1u);
  there[0].standing.what = idle;
  EXPECT_EQ(admit(there, "c", false, limits(1)).evicted, 0u);
  EXPECT_FALSE(admit(there, "c", false, limits(2)).evicted);
}

TEST(Admission, ANetworkOfIpv6IsOneSource) {
  const auto source = [](const char* text) { return source_of(asio::ip::make_address(text)); };
  EXPECT_EQ(source("2001:db8::1"), source("2001:db8::ffff:2"));
  EXPECT_NE(source("2001:db8::1"), source("2001:db8:0:1::1"));
  EXPECT_NE(source("10.0.0.1"), source("10.0.0.2"));
}

}  // namespace
}  // namespace ci::net
