#include "os/kernel_faults.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ci::os {
namespace {

const KernelFault example = {"CVE-0000-0000", "an example", {6, 4, 1}, {{6, 6, 136}, {6, 12, 83}, {6, 19, 14}}};

bool has(const char* release) { return has_fault(kernel_version(release), example); }

TEST(KernelVersion, IsReadFromReleasesOfDistributions) {
  EXPECT_EQ(kernel_version("6.12.83-1-amd64"), (KernelVersion{6, 12, 83}));
  EXPECT_EQ(kernel_version("6.1.0-31-amd64"), (KernelVersion{6, 1, 0}));
  EXPECT_EQ(kernel_version("5.15.167.4-microsoft-standard-WSL2"), (KernelVersion{5, 15, 167}));
  EXPECT_EQ(kernel_version("7.0-rc3"), (KernelVersion{7, 0, 0}));
  EXPECT_EQ(kernel_version("6.19"), (KernelVersion{6, 19, 0}));
  EXPECT_EQ(kernel_version(""), KernelVersion());
  EXPECT_EQ(kernel_version("99999999999.1"), KernelVersion());
}

TEST(KernelFaults, AreThereFromTheirFirstVersionUntilTheirSeriesIsMended) {
  EXPECT_FALSE(has("6.1.0-31-amd64"));
  EXPECT_FALSE(has("6.4.0"));
  EXPECT_TRUE(has("6.4.1"));
  EXPECT_TRUE(has("6.6.135"));
  EXPECT_FALSE(has("6.6.136"));
  EXPECT_TRUE(has("6.12.9"));
  EXPECT_FALSE(has("6.12.100-cloud"));
  EXPECT_TRUE(has("6.19.13"));
  EXPECT_FALSE(has("6.19.14"));
}

TEST(KernelFaults, AreNotMendedInSeriesThatNobodyMendsButInAllLaterOnes) {
  EXPECT_TRUE(has("6.8.0-50-generic"));
  EXPECT_TRUE(has("6.18.200"));
  EXPECT_FALSE(has("6.20.0"));
  EXPECT_FALSE(has("7.0.0"));
}

TEST(KernelFaults, AreToldWithTheVersionsThatMendThem) {
  EXPECT_TRUE(faults_of("7.2.1").empty());
  EXPECT_TRUE(faults_of("6.18.44-x").empty());
  const std::vector<std::string> old = faults_of("6.12.60");
  ASSERT_EQ(old.size(), 2u);
  EXPECT_EQ(old[0], "CVE-2026-43074 (epoll, mended in 6.6.136, 6.12.83, 6.18.24, 6.19.14)");
  EXPECT_EQ(old[1], "CVE-2026-23394 (local sockets, mended in 6.18.23, 6.19.10)");
}

TEST(KernelFaults, AreInOrder) {
  for (const KernelFault& fault : kernel_faults()) {
    ASSERT_FALSE(fault.mended.empty()) << fault.name;
    EXPECT_TRUE(std::ranges::is_sorted(fault.mended)) << fault.name;
    EXPECT_LT(fault.since, fault.mended.front()) << fault.name;
  }
}

}  // namespace
}  // namespace ci::os
