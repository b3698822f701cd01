#include "net/body_budget.h"

namespace ci::net {

bool BodyBudget::Share::set(std::uint64_t bytes) {
  if (budget_ == nullptr) return true;
  std::uint64_t& sum = budget_->owners_[owner_];
  if (bytes > bytes_) {
    const std::uint64_t more = bytes - bytes_;
    if (budget_->held_ + more > budget_->bytes_ || sum + more > budget_->limit_of(owner_)) {
      if (sum == 0) budget_->owners_.erase(owner_);
      return false;
    }
  }
  budget_->held_ += bytes - bytes_;
  sum += bytes - bytes_;
  if (sum == 0) budget_->owners_.erase(owner_);
  bytes_ = bytes;
  return true;
}

void BodyBudget::Share::belongs_to(std::string owner) {
  if (budget_ == nullptr || owner == owner_) return;
  const std::uint64_t bytes = bytes_;
  clear();
  owner_ = std::move(owner);
  bytes_ = bytes;
  if (bytes == 0) return;
  budget_->held_ += bytes;
  budget_->owners_[owner_] += bytes;
}

void BodyBudget::Share::clear() { (void)set(0); }

}  // namespace ci::net
