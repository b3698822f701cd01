#include "base/version.h"

namespace ci {

std::string_view version() { return CI_VERSION; }

}  // namespace ci
