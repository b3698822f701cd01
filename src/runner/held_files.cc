#include "runner/held_files.h"

#include <fcntl.h>

#include "base/sys.h"

namespace ci::runner {

void HeldFiles::put(const std::string& name, std::unique_ptr<ByteSource> body, std::uint64_t size) {
  Held& held = files_[name];
  held.body = std::move(body);
  held.size = size;
}

bool HeldFiles::remove(const std::string& name) {
  const std::string folder = name + "/";
  const auto count =
      std::erase_if(files_, [&](const auto& entry) { return entry.first == name || entry.first.starts_with(folder); });
  return count > 0;
}

std::unique_ptr<ByteSource> HeldFiles::open(const std::string& name, std::uint64_t& size) const {
  const auto found = files_.find(name);
  if (found == files_.end()) return nullptr;
  size = found->second.size;
  const int own = found->second.body->descriptor();
  UniqueFd copy(sys("opening a file", [own] { return ::fcntl(own, F_DUPFD_CLOEXEC, 0); }));
  return std::make_unique<FileSource>(std::move(copy), blocking_);
}

std::vector<HeldFiles::Entry> HeldFiles::list(const std::string& folder) const {
  const std::string prefix = folder.empty() ? "" : folder + "/";
  std::vector<Entry> entries;
  for (const auto& [name, held] : files_) {
    if (!name.starts_with(prefix)) continue;
    const std::string rest = name.substr(prefix.size());
    const std::string first = rest.substr(0, rest.find('/'));
    if (!entries.empty() && entries.back().name == first) continue;
    Entry entry;
    entry.name = first;
    if (first == rest) entry.size = held.size;
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<pool::InputFile> HeldFiles::inputs() const {
  std::vector<pool::InputFile> inputs;
  for (const auto& [name, held] : files_) {
    const auto path = RelativePath::parse(name);
    if (!path) continue;
    std::uint64_t size = 0;
    auto body = std::make_unique<pool::OpenBody>(open(name, size));
    inputs.emplace_back(*path, std::move(body), size, false);
  }
  return inputs;
}

}  // namespace ci::runner
