#include "sandbox/slots.h"

#include <string>

#include "base/failure.h"
#include "base/log.h"
#include "sandbox/id_maps.h"

namespace ci::sandbox {

namespace {

constexpr int most_tried = 16;  // new ones, before it is given up for now

}  // namespace

Slot Slots::take(std::uint64_t memory_bytes) {
  for (size_t used = free_.size(); used > 0; --used) {
    Slot slot = std::move(free_.front());
    free_.pop_front();
    if (!slot.cgroup || slot.cgroup->renew(memory_bytes)) return slot;
    free_.push_back(std::move(slot));  // whoever is inside is dying
  }
  std::string reason = "too many sandboxes";
  for (int attempt = 0; attempt < most_tried && next_ < most_slots; ++attempt) {
    Slot slot(next_++);
    if (cgroups_ == nullptr) return slot;
    os::CgroupLimits limits;
    limits.memory_bytes = memory_bytes;
    limits.processes = processes_;
    try {
      slot.cgroup.emplace(cgroups_->create("sandbox-" + std::to_string(slot.number), limits));
      return slot;
    } catch (const Failure& failure) {
      reason = failure.what();
      log_warning("a place for sandboxes cannot be used", {{"slot", slot.number}, {"reason", reason}});
    }
  }
  throw Failure(FailureKind::unavailable, reason);
}

}  // namespace ci::sandbox
