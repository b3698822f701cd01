#pragma once
// What a program left in the workspace, as messages to the server. Used by the agent when everything in the sandbox is dead.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/relative_path.h"
#include "sandbox/workspace.h"

namespace ci::sandbox {

// What was put into the workspace before the program began.
struct PlacedInputs {
  std::string_view source_name;         // the program's own text, which is left out while it is that
  std::vector<RelativePath> names;      // of the others, in order
  std::vector<std::uint32_t> unplaced;  // numbers of those that there was no room for, in order
  PlacedFiles files;                    // as they were
};

// Sends any number of Tag::file and one Tag::collected to `control`. A server that is gone fails as `unavailable`.
void hand_out_files(int control, int workspace, const CollectLimits& limits, const PlacedInputs& placed);

}  // namespace ci::sandbox
