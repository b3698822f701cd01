#include "metrics/random_hex.h"

#include "base/ids.h"
#include "base/sha256.h"

namespace ci::metrics {

std::string random_hex(int bytes) {
  return sha256_hex(random_token(32)).substr(0, static_cast<std::size_t>(2 * bytes));
}

}  // namespace ci::metrics
