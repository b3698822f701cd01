#pragma once
// Putting what the server sends into a workspace, before there is a program. Used by the agent.

#include <span>
#include <string_view>

#include "base/unique_fd.h"
#include "sandbox/handing_out.h"
#include "sandbox/wire.h"

namespace ci::sandbox {

// The files of one Tag::put, whose tag was read, into `folder`. One that there is no room for is noted in `placed`; when that is the program's own
// text, `source_name`, it fails as `exhausted`.
void place_files(
    int folder, Reader& reader, std::span<const UniqueFd> files, std::string_view source_name, PlacedInputs& placed);

}  // namespace ci::sandbox
