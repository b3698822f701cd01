#pragma once
// Lists as settings, options and records have them: words with commas between.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace ci {

// None of them is empty.
inline std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> words;
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(','));
    if (!word.empty()) words.emplace_back(word);
    list.remove_prefix(std::min(list.size(), word.size() + 1));
  }
  return words;
}

}  // namespace ci
