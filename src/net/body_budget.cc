#include "net/body_budget.h"

namespace ci::net {

bool BodyBudget::Share::set(std::uint64_t bytes) {
  if (books_ == nullptr) return true;
  std::uint64_t& sum = books_->owners[owner_];
  if (bytes > bytes_) {
    const std::uint64_t more = bytes - bytes_;
    if (books_->held + more > books_->bytes || sum + more > books_->limit_of(owner_)) {
      if (sum == 0) books_->owners.erase(owner_);
      return false;
    }
  }
  books_->held += bytes - bytes_;
  sum += bytes - bytes_;
  if (sum == 0) books_->owners.erase(owner_);
  bytes_ = bytes;
  return true;
}

void BodyBudget::Share::belongs_to(std::string owner) {
  if (books_ == nullptr || owner == owner_) return;
  const std::uint64_t bytes = bytes_;
  clear();
  owner_ = std::move(owner);
  bytes_ = bytes;
  if (bytes == 0) return;
  books_->held += bytes;
  books_->owners[owner_] += bytes;
}

void BodyBudget::Share::clear() { (void)set(0); }

}  // namespace ci::net
