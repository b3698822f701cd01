#include "execution/left_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/utf8.h"

namespace ci::execution {

namespace {

constexpr std::size_t most_entries = 20;  // of one reason, to be named at all
constexpr std::size_t most_told = 5;      // of one reason, in the line
constexpr std::size_t most_skipped = 20;  // names in a Truncation
constexpr std::size_t longest_name = 100;

std::size_t index_of(LeftOut reason) { return static_cast<std::size_t>(reason); }

std::string phrase(LeftOut reason, int most_files, std::uint64_t largest_file) {
  switch (reason) {
    case LeftOut::number:
      return fmt::format("no more than {} files are returned", most_files);
    case LeftOut::depth:
      return "more than 10 folders deep";
    case LeftOut::size:
      return fmt::format("larger than {} MB", largest_file >> 20);
    case LeftOut::unreadable:
      return "unreadable";
    case LeftOut::folder:
      return "folder of dependencies or build results";
    case LeftOut::link:
      return "symbolic link";
    case LeftOut::special:
      return "not a regular file";
    case LeftOut::path:
      return "unusable name";
    case LeftOut::ending:
      return "files of this type are not returned";
    case LeftOut::storing:
      return "could not be stored";
  }
  return {};
}

// The word for what a limit did; empty for what is left out on purpose.
std::string_view word(LeftOut reason) {
  switch (reason) {
    case LeftOut::number:
      return "max_files";
    case LeftOut::depth:
      return "depth";
    case LeftOut::size:
      return "size";
    case LeftOut::unreadable:
      return "unreadable";
    case LeftOut::path:
      return "path";
    case LeftOut::folder:
    case LeftOut::link:
    case LeftOut::special:
    case LeftOut::ending:
    case LeftOut::storing:
      return {};
  }
  return {};
}

std::string describe(Unmounted::Reason reason, std::uint64_t bytes) {
  switch (reason) {
    case Unmounted::Reason::room:
      break;
    case Unmounted::Reason::source:
      return "the program's own text has this name";
    case Unmounted::Reason::path:
      return "another file's folder has its name, or a folder of its path is a file";
  }
  return bytes > 0 ? fmt::format("/mnt/data holds at most {} MB", bytes >> 20) : "there is no room for it in /mnt/data";
}

}  // namespace

std::string describe_unmounted(const std::vector<Unmounted>& files, std::uint64_t bytes) {
  constexpr std::size_t most_lines = 10;
  std::string text;
  for (const Unmounted& file : files | std::views::take(most_lines)) {
    if (!text.empty()) text += '\n';
    text += fmt::format("file \"{}\" was not mounted: {}", printable_name(file.name), describe(file.reason, bytes));
  }
  if (files.size() > most_lines) text += fmt::format("\nnor were {} other files", files.size() - most_lines);
  return text;
}

void LeftOutFiles::add(LeftOut reason, std::string_view name) {
  ++counts_.at(index_of(reason));
  auto& entries = entries_.at(index_of(reason));
  if (entries.size() < most_entries) entries.push_back({printable_name(name), 1});
}

void LeftOutFiles::add(const pool::Collected& collected) {
  complete_ = collected.complete;
  for (std::size_t i = 0; i < left_out_reasons; ++i) counts_[i] += collected.skipped_files[i];
  for (const pool::Skipped& skipped : collected.skipped) {
    auto& entries = entries_.at(index_of(skipped.reason));
    if (entries.size() < most_entries) entries.push_back({printable_name(skipped.name), skipped.files});
  }
}

bool LeftOutFiles::empty() const {
  return complete_ && std::ranges::all_of(counts_, [](std::uint64_t count) { return count == 0; });
}

std::string LeftOutFiles::line(int most_files, std::uint64_t largest_file) const {
  std::string text;
  for (std::size_t i = 0; i < left_out_reasons; ++i) {
    if (counts_[i] == 0) continue;
    std::uint64_t more = counts_[i];
    text += text.empty() ? "files not returned: " : "; ";
    for (std::size_t k = 0; k < std::min(entries_[i].size(), most_told); ++k) {
      text += (k == 0 ? "" : ", ") + entries_[i][k].name;
      more -= std::min<std::uint64_t>(more, entries_[i][k].files);
    }
    if (more > 0) text += entries_[i].empty() ? fmt::format("{}", more) : fmt::format(" and {} more", more);
    text += fmt::format(" ({})", phrase(static_cast<LeftOut>(i), most_files, largest_file));
  }
  if (!complete_) text += std::string(text.empty() ? "" : "; ") + "not all of /mnt/data could be searched for files";
  return text;
}

Truncation LeftOutFiles::truncation() const {
  Truncation truncation;
  for (std::size_t i = 0; i < left_out_reasons; ++i) {
    const std::string_view name = word(static_cast<LeftOut>(i));
    if (counts_[i] == 0 || name.empty()) continue;
    truncation.reasons.emplace(name, counts_[i]);
    truncation.count += counts_[i];
    for (const Entry& entry : entries_[i]) {
      if (truncation.skipped.size() < most_skipped) truncation.skipped.push_back(entry.name);
    }
  }
  return truncation;
}

std::string printable_name(std::string_view name) {
  std::string text = repaired(name);
  std::ranges::replace_if(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }, '?');
  if (text.size() <= longest_name) return text;
  text.resize(longest_name);
  text.resize(text.size() - unfinished_tail(text));
  return text + "...";
}

}  // namespace ci::execution
