#include "execution/collect.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "base/log.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "execution/parallel.h"
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
    const ExecutionRequest& request, std::span<const Mount> mounts, const ExecutionSettings& settings,
    asio::thread_pool& blocking)
    : settings_(settings), blocking_(blocking), mounts_(mounts) {
  const languages::Language* language = languages::find(request.language);
  CHECK(language != nullptr);
  source_file_ = language->file;
  // A workspace that stays keeps more than a client wants to hear of.
  most_kept_ = static_cast<std::size_t>(settings.output_files);
  if (!request.session_name.empty()) most_kept_ = std::max(most_kept_, static_cast<std::size_t>(settings.session_files));
  // A Java source is named after its class.
  if (request.language == "java") java_source_size_ = request.code.size();
}

awaitable<void> Collector::take(pool::OutputFile file) {
  const Mount* mount = input_named(file.name);
  if (mount == nullptr) {
    if (!is_skipped(file)) keep(std::move(file), nullptr);
    co_return;
  }
  seen_.insert(mount);
  const bool unchanged =
      mount->read_only || (co_await is_unchanged(file, mount->record, blocking_)).value_or(false);
  if (unchanged) {
    unchanged_.push_back(mount);
  } else {
    keep(std::move(file), mount);
  }
}

const Mount* Collector::input_named(const RelativePath& name) const {
  const auto mount = std::ranges::find(mounts_, name, &Mount::name);
  return mount == mounts_.end() ? nullptr : &*mount;
}

bool Collector::is_skipped(const pool::OutputFile& file) const {
  const std::string& name = file.name.text();
  if (name == source_file_) return true;
  if (java_source_size_ && !name.contains('/')) {
    if (name.ends_with(".class") || (name.ends_with(".java") && file.size == *java_source_size_)) return true;
  }
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

awaitable<std::optional<files::FileRecord>> Collector::store_one(
    files::SessionFiles& files, const std::string& session, Kept& kept) const {
  const auto name = files::output_name(kept.file.name.text());
  if (!name) co_return std::nullopt;
  files::FileRecord record(*name);
  record.session = session;
  record.original_name = name->text();
  record.content_type = std::string(files::content_type_for(name->text()));
  record.output = true;
  if (kept.mount != nullptr) record.entity = kept.mount->entity;
  try {
    co_return co_await files.store_body(std::move(record), *kept.file.body, settings_.file_bytes);
  } catch (const std::exception& error) {
    // The run is over and its text is worth having; the client is told of no file that is not there.
    log_error("output not stored", {{"session_id", session}, {"reason", error.what()}});
  }
  co_return std::nullopt;
}

awaitable<std::vector<ResultFile>> Collector::store(files::SessionFiles& files, const std::string& session) {
  std::vector<Kept*> kept;
  for (auto& [name, file] : kept_) kept.push_back(&file);
  std::vector<std::optional<files::FileRecord>> records(kept.size());
  std::function<awaitable<void>(std::size_t)> store_body = [&](std::size_t i) -> awaitable<void> {
    records[i] = co_await store_one(files, session, *kept[i]);
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
    std::ranges::move(files.writes_for(*records[i]), std::back_inserter(writes));
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
    bool on_record = false;
    try {
      co_await files.commit(std::move(writes));
      on_record = true;
    } catch (const std::exception& error) {
      log_error("outputs not recorded", {{"session_id", session}, {"reason", error.what()}});
    }
    if (!on_record) {
      result.clear();
      for (auto& record : records) {
        if (record && !record->object_key.empty()) useless.push_back(std::move(*record));
      }
    }
  }
  for (const files::FileRecord& record : useless) {
    try {
      co_await files.discard(record);
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

awaitable<void> Collector::forget_removed(files::SessionFiles& files, const std::string& session) {
  std::set<std::string> removed;
  for (const Mount& mount : mounts_) {
    const bool own_output = !mount.referenced && mount.record.output;
    if (own_output && !seen_.contains(&mount)) removed.insert(mount.name.text());
  }
  if (removed.empty()) co_return;
  try {
    // All of that name: an earlier one would come back in its place.
    const std::vector<files::FileRecord> records = co_await files.list(session);
    for (const files::FileRecord& record : records) {
      if (record.output && removed.contains(record.name.text())) co_await files.remove(session, record.id);
    }
  } catch (const std::exception& error) {
    log_warning("removed files stay", {{"session_id", session}, {"reason", error.what()}});
  }
}

}  // namespace ci::execution
