#pragma once
// The states that were used last, in memory: what a session's next run needs is here already. Used on one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "state/record.h"

namespace ci::state {

class Recent {
 public:
  // Forgets the ones used longest ago where they would take more bytes than `memory`, or be more than `entries`: each is a
  // descriptor as well.
  Recent(std::uint64_t memory, std::size_t entries) : memory_(memory), most_(entries) {}

  // The bytes of just this record in a sealed memory file of its own; nothing when they are not here.
  UniqueFd find(const std::string& session, const Record& record);
  // `file`: a sealed memory file of them. In place of what the session had.
  void keep(const std::string& session, const Record& record, UniqueFd file);
  void forget(const std::string& session);

 private:
  struct State {
    std::string session, hash;
    std::uint64_t size;
    UniqueFd file;
  };

  const std::uint64_t memory_;
  const std::size_t most_;
  std::vector<State> states_;  // the latest last
};

}  // namespace ci::state
