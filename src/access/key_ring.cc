#include "access/key_ring.h"

namespace ci::access {

using std::chrono::steady_clock;

awaitable<std::optional<KeyRecord>> KeyRing::find(std::string_view key) {
  const std::string hash = hash_of_key(key);
  const auto found = known_.find(hash);
  if (found != known_.end() && steady_clock::now() < found->second.until) co_return found->second.record;

  std::optional<KeyRecord> record = co_await records_.find(hash);
  // One of the environment counts only while it is there (api_keys.h), whatever the store still says.
  if (record && record->of_environment) record.reset();
  if (known_.size() >= most_known) {
    std::erase_if(known_, [now = steady_clock::now()](const auto& entry) { return entry.second.until <= now; });
    if (known_.size() >= most_known) known_.clear();  // so many within a second: somebody is guessing
  }
  Known& known = known_[hash];
  known.record = record;
  known.until = steady_clock::now() + memory;
  co_return record;
}

}  // namespace ci::access
