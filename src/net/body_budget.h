#pragma once
// The memory that request bodies may take, of all clients together. Those who have not shown a key share a small part
// of it, and no one who has may take more than half. I/O thread only.

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace ci::net {

class BodyBudget {
 public:
  explicit BodyBudget(std::uint64_t bytes) : bytes_(bytes) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  // What one request holds; given back when this is dropped, before the budget. One without a budget takes what it likes.
  class Share {
   public:
    Share() = default;
    explicit Share(BodyBudget& budget) : budget_(&budget) {}
    Share(Share&& other) noexcept { swap(other); }
    Share& operator=(Share&& other) noexcept {
      Share old(std::move(other));
      swap(old);
      return *this;
    }
    ~Share() { clear(); }

    // False, and nothing changes, when there is no room for so many bytes in all.
    bool set(std::uint64_t bytes);
    // Who the client is, as soon as that is known; what it holds so far stays, however much that is.
    void belongs_to(std::string owner);

   private:
    void clear();
    void swap(Share& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(owner_, other.owner_);
      std::swap(bytes_, other.bytes_);
    }

    BodyBudget* budget_ = nullptr;
    std::string owner_;  // empty: nobody knows yet
    std::uint64_t bytes_ = 0;
  };

  std::uint64_t held() const { return held_; }

 private:
  std::uint64_t limit_of(const std::string& owner) const { return owner.empty() ? bytes_ / 16 : bytes_ / 2; }

  std::uint64_t bytes_;
  std::uint64_t held_ = 0;
  std::map<std::string, std::uint64_t> owners_;  // those that hold something
};

}  // namespace ci::net
