#pragma once
// The bytes of a source as a file that others can be given.

#include "base/byte_source.h"
#include "base/unique_fd.h"

namespace ci::os {

// A descriptor of the source's own file, where it has one; else a sealed memory file with all that it gives, and fails as that does.
awaitable<UniqueFd> file_of(ByteSource& source);

}  // namespace ci::os
