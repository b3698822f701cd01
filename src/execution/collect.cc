#include "execution/collect.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <set>

#include "base/log.h"
#include "base/parallel.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "files/names.h"
#include "languages/language.h"

namespace ci::execution {

namespace {

bool ends_with_any(std::string_view name, const std::vector<std::string>& suffixes) {
  return std::ranges::any_of(suffixes, [&](std::string_view suffix) {
    return name.size() >= suffix.size() &&
           std::ranges::equal(name.substr(name.size() - suffix.size()), suffix, [](unsigned char a, unsigned char b) {
             return std::tolower(a) == std::tolower(b);
           });
  });
}

// SHA-256 of an open file. Blocks.
std::string digest_of(int file) {
  Sha256 hash;
  std::vector<std::byte> buffer(256 << 10);
  for (off_t offset = 0;;) {
    const auto count = sys("reading an output", [&] { return ::pread(file, buffer.data(), buffer.size(), offset); });
    if (count == 0) return hash.hex();
    hash.update(std::span(buffer).first(static_cast<std::size_t>(count)));
    offset += count;
  }
}

// Unchanged or not, when that can be said without storing the file.
awaitable<std::optional<bool>> is_unchanged(
    const pool::OutputFile& file, const files::FileRecord& input, asio::thread_pool& blocking) {
  if (file.size != input.size) co_return false;
  const int descriptor = file.body->descriptor();
  if (descriptor < 0) co_return std::nullopt;
  auto digest = [descriptor] { return digest_of(descriptor); };
  co_return co_await on_pool(blocking, digest) == input.sha256;
}

}  // namespace

Collector::Collector(
    const ExecutionRequest& request, MountedFiles& mounted, const ExecutionSettings& settings,
    files::SessionFiles& files, asio::thread_pool& blocking)
    : settings_(settings), files_(files), blocking_(blocking), mounted_(mounted) {
  const languages::Language* language = languages::find(request.language);
  CHECK(language != nullptr);
  source_file_ = language->file;
  // A workspace that stays keeps more than a client wants to hear of.
  most_kept_ = static_cast<std::size_t>(settings.output_files);
  if (!request.session_name.empty()) most_kept_ = std::max(most_kept_, static_cast<std::size_t>(settings.session_files));
}

awaitable<void> Collector::take(pool::OutputFile file) {
  Mount* mount = input_named(file.name);
  if (mount == nullptr) {
    if (!is_skipped(file)) keep(std::move(file), nullptr);
    co_return;
  }
  if (file.size == mount->record.size && !mount->read_only) {
    files::FileRecord completed = co_await files_.complete(mount->record);
    mount->record = std::move(completed);
  }
  const bool unchanged =
      mount->read_only || (co_await is_unchanged(file, mount->record, blocking_)).value_or(false);
  if (unchanged) {
    unchanged_.push_back(mount);
  } else {
    keep(std::move(file), mount);
  }
}

Mount* Collector::input_named(const RelativePath& name) const {
  const auto mount = std::ranges::find(mounted_.mounts, name, &Mount::name);
  return mount == mounted_.mounts.end() || mount->missing ? nullptr : &*mount;
}

bool Collector::is_skipped(const pool::OutputFile& file) const {
  const std::string& name = file.name.text();
  if (name == source_file_) return true;
  return ends_with_any(name, settings_.dropped_suffixes);
}

void Collector::keep(pool::OutputFile file, const Mount* mount) {
  if (file.size > settings_.file_bytes) {
    log_info("output too large", {{"bytes", std::to_string(file.size)}});
    return;
  }
  std::string name = file.name.text();
  kept_.insert_or_assign(std::move(name), Kept(std::move(file), mount));
  if (kept_.size() > most_kept_) kept_.erase(std::prev(kept_.end()));
}

awaitable<std::optional<files::FileRecord>> Collector::store_one(const std::string& session, Kept& kept) const {
  const auto name = files::output_name(kept.file.name.text());
  if (!name) co_return std::nullopt;
  files::FileRecord record(*name);
  record.session = session;
  record.original_name = name->text();
  record.content_type = std::string(files::content_type_for(name->text()));
  record.output = true;
  if (kept.mount != nullptr) record.entity = kept.mount->entity;
  try {
    co_return co_await files_.store_body(std::move(record), *kept.file.body, settings_.file_bytes);
  } catch (const std::exception& error) {
    // The run is over and its text is worth having; the client is told of no file that is not there.
    log_error("output not stored", {{"session_id", session}, {"reason", error.what()}});
  }
  co_return std::nullopt;
}

awaitable<std::vector<ResultFile>> Collector::store(const std::string& session) {
  std::vector<Kept*> kept;
  for (auto& [name, file] : kept_) kept.push_back(&file);
  std::vector<std::optional<files::FileRecord>> records(kept.size());
  std::function<awaitable<void>(std::size_t)> store_body = [&](std::size_t i) -> awaitable<void> {
    records[i] = co_await store_one(session, *kept[i]);
  };
  co_await for_each_index(kept.size(), store_body);

  std::vector<ResultFile> result;
  std::vector<store::Write> writes;
  std::vector<files::FileRecord> useless;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!records[i]) continue;
    const Mount* mount = kept[i]->mount;
    if (mount != nullptr && records[i]->sha256 == mount->record.sha256) {  // could not be said before
      unchanged_.push_back(mount);
      useless.push_back(std::move(*records[i]));
      continue;
    }
    std::ranges::move(files_.writes_for(*records[i]), std::back_inserter(writes));
    ResultFile& file = result.emplace_back();
    file.id = records[i]->id;
    file.name = records[i]->name.text();
    file.session = session;
    file.entity = records[i]->entity;
    if (mount != nullptr) {
      file.modified_from_id = mount->record.id;
      file.modified_from_session = mount->record.session;
    }
  }
  if (!writes.empty()) {
    bool on_record = false, perhaps = false;
    try {
      co_await files_.commit(std::move(writes));
      on_record = true;
    } catch (const std::exception& error) {
      log_error("outputs not recorded", {{"session_id", session}, {"reason", error.what()}});
      // A store that only did not answer in time may record them yet, and then there must be something behind it.
      const auto* failure = dynamic_cast<const Failure*>(&error);
      perhaps = failure != nullptr && failure->kind() == FailureKind::unavailable;
    }
    if (!on_record) result.clear();
    if (!on_record && !perhaps) {
      for (auto& record : records) {
        if (record && !record->object_key.empty()) useless.push_back(std::move(*record));
      }
    }
  }
  for (const files::FileRecord& record : useless) {
    try {
      co_await files_.discard(record);
    } catch (const std::exception& error) {
      log_warning("content not removed", {{"session_id", session}, {"reason", error.what()}});
    }
  }

  const auto most_told = static_cast<std::size_t>(settings_.output_files);
  if (result.size() > most_told) result.erase(result.begin() + settings_.output_files, result.end());
  // Clients that do not know the mark would show the user his own upload as a result.
  std::ranges::sort(unchanged_, {}, [](const Mount* mount) { return mount->name.text(); });
  for (const Mount* mount : unchanged_) {
    if (result.size() >= most_told) break;
    if (!mount->by_storage_session) continue;
    ResultFile& file = result.emplace_back();
    file.id = mount->record.id;
    file.name = mount->name.text();
    file.session = mount->record.session;
    file.inherited = true;
    file.entity = mount->entity;
  }
  co_return result;
}

awaitable<void> Collector::forget_removed(const std::vector<std::string>& gone) {
  std::set<std::string> names;
  for (const Mount& mount : mounted_.mounts) {
    const bool own_output = !mount.referenced && mount.record.output && !mount.missing;
    if (own_output && std::ranges::find(gone, mount.name.text()) != gone.end()) names.insert(mount.name.text());
  }
  // All of that name that were there when the program began: an earlier one would come back in its place.
  std::vector<files::FileRecord> removed;
  for (const files::FileRecord& record : mounted_.own) {
    if (record.output && !record.removed && names.contains(record.name.text())) removed.push_back(record);
  }
  try {
    co_await files_.mark_removed(std::move(removed));
  } catch (const std::exception& error) {
    log_warning("removed files stay", {{"reason", error.what()}});
  }
}

}  // namespace ci::execution
