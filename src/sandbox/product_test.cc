#include "sandbox/product.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/failure.h"

namespace ci::sandbox {
namespace {

class Product : public testing::Test {
 protected:
  Product() : directory_(std::filesystem::path(testing::TempDir()) / ("product-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "program") << "#!/bin/sh\nexit 3\n";
  }
  ~Product() override { std::filesystem::remove_all(directory_); }
  std::string at(const char* name) const { return directory_ / name; }

  std::filesystem::path directory_;
};

TEST_F(Product, IsTakenAsACopyThatNobodyCanChange) {
  const UniqueFd taken = take_product(at("program"), 100);
  ASSERT_TRUE(taken);
  std::ofstream(at("program")) << "something else";
  char text[100] = {};
  EXPECT_EQ(::pread(taken.get(), text, sizeof text, 0), 17);
  EXPECT_STREQ(text, "#!/bin/sh\nexit 3\n");
  EXPECT_LT(::pwrite(taken.get(), "x", 1, 0), 0);
  EXPECT_NE(::ftruncate(taken.get(), 0), 0);
  EXPECT_EQ(::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, taken.get(), 0), MAP_FAILED);
}

TEST_F(Product, IsNothingButASmallRegularFile) {
  EXPECT_FALSE(take_product(at("program"), 16));
  EXPECT_FALSE(take_product(at("absent"), 100));
  std::filesystem::create_symlink("program", at("link"));
  EXPECT_FALSE(take_product(at("link"), 100));
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(take_product(at("fifo"), 100));
  EXPECT_FALSE(take_product(directory_, 100));
  std::ofstream(at("empty")).close();
  EXPECT_FALSE(take_product(at("empty"), 100));
  std::filesystem::create_hard_link(at("program"), at("second"));
  EXPECT_FALSE(take_product(at("program"), 100));
}

TEST_F(Product, IsPlacedAsAProgramOfItsOwn) {
  const UniqueFd taken = take_product(at("program"), 100);
  place_product(taken.get(), at("copy"), ::getuid());
  struct stat info{}, kept{};
  ASSERT_EQ(::stat(at("copy").c_str(), &info), 0);
  ASSERT_EQ(::fstat(taken.get(), &kept), 0);
  EXPECT_EQ(info.st_size, 17);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  EXPECT_NE(info.st_ino, kept.st_ino);
  EXPECT_THROW(place_product(taken.get(), at("copy"), ::getuid()), Failure);
}

}  // namespace
}  // namespace ci::sandbox
