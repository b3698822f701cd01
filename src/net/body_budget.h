#pragma once
// The memory that request bodies may take, of all clients together. Those who have not shown a key share a small part
// of it, and no one who has may take more than half. I/O thread only.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace ci::net {

class BodyBudget {
  struct Books {
    explicit Books(std::uint64_t all) : bytes(all) {}
    std::uint64_t limit_of(const std::string& owner) const { return owner.empty() ? bytes / 16 : bytes / 2; }

    std::uint64_t bytes;
    std::uint64_t held = 0;
    std::map<std::string, std::uint64_t> owners;  // those that hold something
  };

 public:
  explicit BodyBudget(std::uint64_t bytes) : books_(std::make_shared<Books>(bytes)) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  // What one request holds; given back when this is dropped. One without a budget takes what it likes.
  class Share {
   public:
    Share() = default;
    explicit Share(BodyBudget& budget) : books_(budget.books_) {}
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
      std::swap(books_, other.books_);
      std::swap(owner_, other.owner_);
      std::swap(bytes_, other.bytes_);
    }

    std::shared_ptr<Books> books_;  // a request may be dropped after the server
    std::string owner_;             // empty: nobody knows yet
    std::uint64_t bytes_ = 0;
  };

  std::uint64_t held() const { return books_->held; }

 private:
  std::shared_ptr<Books> books_;
};

}  // namespace ci::net
