#include "sandbox/handing_out.h"

#include <algorithm>
#include <chrono>

#include "os/message_socket.h"
#include "sandbox/wire.h"

namespace ci::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t files_per_message = 32;
constexpr size_t most_batched = 40 << 10;  // of names in a message, which may be as long as paths are
constexpr size_t longest_told = 300;       // of a name of something that is not handed out

}  // namespace

void hand_out_files(int control, int workspace, const CollectLimits& limits, const PlacedInputs& placed) {
  const auto begin = Clock::now();
  Writer batch(Tag::file);
  std::vector<UniqueFd> files;
  const auto flush = [&] {
    if (files.empty()) return;
    std::vector<int> numbers;
    for (const UniqueFd& file : files) numbers.push_back(file.get());
    os::send_message(control, batch.bytes(), numbers);
    files.clear();
    batch = Writer(Tag::file);
  };
  Search search = find_files(workspace, limits, placed.files);
  for (const Found& found : search.found) {
    // The program's own text; what it wrote in its place is its own as well.
    if (found.name == placed.source_name && (!found.written || found.name.starts_with('.'))) continue;
    UniqueFd file = open_found(workspace, found);
    if (!file) {
      search.skip(found.name, LeftOut::unreadable);
      continue;
    }
    batch.text(found.name).number(found.size).number<std::uint8_t>(found.written);
    files.push_back(std::move(file));
    if (files.size() == files_per_message || batch.bytes().size() > most_batched) flush();
  }
  flush();
  Writer collected(Tag::collected);
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  collected.number(static_cast<std::uint64_t>(time.count())).number<std::uint8_t>(search.complete);
  for (const std::uint32_t count : search.counts) collected.number(count);
  collected.number(static_cast<std::uint32_t>(search.skipped.size()));
  for (const Skipped& skipped : search.skipped) {
    collected.number(static_cast<std::uint8_t>(skipped.reason)).number(skipped.files);
    collected.text(std::string_view(skipped.name).substr(0, longest_told));
  }
  size_t told = 0;
  for (std::uint32_t number = 0; number < placed.names.size() && told < most_numbers; ++number) {
    if (std::ranges::binary_search(placed.unplaced, number) || is_there(workspace, placed.names[number])) continue;
    collected.number(number);
    ++told;
  }
  os::send_message(control, collected.bytes());
}

}  // namespace ci::sandbox
