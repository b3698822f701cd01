#include "sandbox/placing.h"

#include "base/relative_path.h"
#include "sandbox/guest/guest.h"

namespace ci::sandbox {

void place_files(
    int folder, Reader& reader, std::span<const UniqueFd> files, std::string_view source_name, PlacedInputs& placed) {
  for (const UniqueFd& file : files) {
    const bool read_only = reader.number<std::uint8_t>() != 0;
    const auto name = RelativePath::parse(reader.text());
    CHECK(name.has_value());
    // A program goes without an input that there is no room for. It cannot go without itself.
    if (const auto put = place_file(folder, *name, file.get(), read_only, guest_id)) {
      placed.files[name->text()] = *put;
    } else {
      if (name->text() == source_name) throw Failure(FailureKind::exhausted, "there is no room for the program");
      if (placed.unplaced.size() < most_numbers)
        placed.unplaced.push_back(static_cast<std::uint32_t>(placed.names.size()));
    }
    placed.names.push_back(*name);
  }
}

}  // namespace ci::sandbox
