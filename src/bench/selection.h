#pragma once
// What `--only` means. Pure.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ci::bench {

struct Group {
  std::string_view name;
  std::string_view meaning;  // for --help
};

// In the order in which they are measured.
std::span<const Group> groups();

class Selection {
 public:
  // Words between commas: a group, a case ("py hello" or py-hello) or the code of a language, in any case of letters.
  // None means everything. A word that means nothing fails as `invalid` and says which words there are.
  explicit Selection(const std::vector<std::string>& words);

  bool wants_group(std::string_view group) const;
  // A case is wanted by its own name, its language's, or its group's; one of the group "documents" by its own and its group's, when
  // they are among the words.
  bool wants_case(std::string_view group, std::string_view name, std::string_view language) const;

 private:
  bool names(std::string_view word) const;
  std::vector<std::string> words_;
};

}  // namespace ci::bench
