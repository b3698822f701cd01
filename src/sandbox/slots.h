#pragma once
// Places for sandboxes: each with users that no other has, and with a control group, made when it is first needed and used again.
// Used by sandboxd, single-threaded.

#include <cstdint>
#include <deque>
#include <optional>

#include "os/cgroup.h"

namespace ci::sandbox {

struct Slot {
  explicit Slot(std::uint32_t n) : number(n) {}
  std::uint32_t number;              // below most_slots (id_maps.h)
  std::optional<os::Cgroup> cgroup;  // none where there are no control groups
};

class Slots {
 public:
  // `cgroups`: null where there are none; outlives this.
  Slots(const os::CgroupTree* cgroups, std::uint64_t processes) : cgroups_(cgroups), processes_(processes) {}

  // One that was used before, else a new one, with so much memory. A place that cannot be used, because something of others
  // is in it, is passed over. Fails as `unavailable`.
  Slot take(std::uint64_t memory_bytes);
  // Of a sandbox whose last process is gone, or that was not made.
  void give_back(Slot slot) { free_.push_back(std::move(slot)); }

  // Gives itself back unless it was taken.
  class Loan {
   public:
    Loan(Slots& owner, std::uint64_t memory_bytes) : owner_(owner), slot_(owner.take(memory_bytes)) {}
    Loan(Loan&&) = delete;
    ~Loan() {
      if (slot_) owner_.give_back(std::move(*slot_));
    }
    const Slot* operator->() const { return &*slot_; }
    Slot take() { return std::move(*std::exchange(slot_, std::nullopt)); }

   private:
    Slots& owner_;
    std::optional<Slot> slot_;
  };

 private:
  const os::CgroupTree* cgroups_;
  std::uint64_t processes_;
  std::deque<Slot> free_;  // that were used before
  std::uint32_t next_ = 0;
};

}  // namespace ci::sandbox
