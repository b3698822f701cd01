#include "store/object_store.h"

namespace ci::store {

bool is_object_key(std::string_view key) {
  if (key.empty() || key.size() > longest_object_key) return false;
  size_t begin = 0;
  for (;;) {
    const size_t slash = key.find('/', begin);
    const std::string_view segment = key.substr(begin, slash == key.npos ? key.npos : slash - begin);
    if (segment.empty() || segment == "." || segment == "..") return false;
    for (const char c : segment) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!plain && c != '.' && c != '_' && c != '-') return false;
    }
    if (slash == key.npos) return true;
    begin = slash + 1;
  }
}

bool is_metadata(const Metadata& metadata) {
  size_t total = 0;
  for (const auto& [name, value] : metadata) {
    if (name.empty() || value.empty()) return false;
    for (const char c : name) {
      if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    for (const char c : value) {
      if (c <= ' ' || c > '~') return false;
    }
    total += name.size() + value.size();
  }
  return total <= longest_metadata;
}

awaitable<Facts> ObjectStore::facts() {
  co_await ping();
  co_return Facts();
}

}  // namespace ci::store
