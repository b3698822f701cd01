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

// A plot that is saved again is expected in the answer, although it is the same to the byte: but only where no reference of
// the request says that the client has it.
bool is_made_again(const pool::OutputFile& file, const Mount& mount) {
  return !mount.referenced && !mount.read_only && file.written;
}

}  // namespace

Collector::Collector(
    const ExecutionRequest& request, MountedFiles& mounted, const ExecutionSettings& settings,
    files::SessionFiles& files, asio::thread_pool& blocking)
    : settings_(settings), files_(files), blocking_(blocking), mounted_(mounted) {
  // A workspace that stays keeps more than a client wants to hear of.
  most_kept_ = static_cast<std::size_t>(settings.output_files);
  if (!request.session_name.empty())
    most_kept_ = std::max(most_kept_, static_cast<std::size_t>(settings.session_files));
}

awaitable<void> Collector::take(pool::OutputFile file) {
  Mount* mount = input_named(file.name);
  if (mount == nullptr) {
    if (ends_with_any(file.name, settings_.dropped_suffixes)) {
      left_out_.add(LeftOut::ending, file.name);
    } else {
      keep(std::move(file), nullptr);
    }
    co_return;
  }
  if (file.size == mount->record.size && !mount->read_only) {
    files::FileRecord completed = co_await files_.complete(mount->record);
    mount->record = std::move(completed);
  }
  const bool unchanged = mount->read_only || (co_await is_unchanged(file, mount->record, blocking_)).value_or(false);
  if (unchanged && !is_made_again(file, *mount)) {
    unchanged_.push_back(mount);
  } else {
    keep(std::move(file), mount);
  }
}

void Collector::take(pool::Collected collected) {
  left_out_.add(collected);
  if (collected.complete) gone_.insert(collected.gone.begin(), collected.gone.end());
}

Mount* Collector::input_named(const std::string& name) const {
  const auto mount = std::ranges::find_if(mounted_.mounts, [&](const Mount& one) { return one.name.text() == name; });
  return mount == mounted_.mounts.end() || mount->missing ? nullptr : &*mount;
}

void Collector::keep(pool::OutputFile file, const Mount* mount) {
  if (file.size > settings_.file_bytes) {
    left_out_.add(LeftOut::size, file.name);
    return;
  }
  std::string name = file.name;
  kept_.insert_or_assign(std::move(name), Kept(std::move(file), mount));
  if (kept_.size() > most_kept_) {
    left_out_.add(LeftOut::number, std::prev(kept_.end())->first);
    kept_.erase(std::prev(kept_.end()));
  }
}

std::optional<std::string> Collector::add(
    const std::string& name, std::unique_ptr<ByteSource> body, std::uint64_t size) {
  if (kept_.size() >= static_cast<std::size_t>(settings_.output_files) || size > settings_.file_bytes)
    return std::nullopt;
  auto free = RelativePath::parse(name);
  CHECK(free.has_value());
  const RelativePath wanted = *free;
  for (int number = 2; free && (kept_.contains(free->text()) || input_named(free->text()) != nullptr); ++number) {
    free = files::numbered_name(wanted, number);
  }
  if (!free) return std::nullopt;
  keep(pool::OutputFile(free->text(), std::move(body), size), nullptr);
  return free->text();
}

// Names that are paths stay; the others make way for them and for each other.
void Collector::name_all() {
  std::set<std::string> taken;
  for (const Mount& mount : mounted_.mounts) taken.insert(mount.name.text());
  for (auto& [made, kept] : kept_) {
    kept.name = RelativePath::parse(made);
    if (kept.name) taken.insert(made);
  }
  for (auto& [made, kept] : kept_) {
    if (kept.name) continue;
    const auto cleaned = files::output_name(made);
    kept.name = cleaned;
    for (int number = 2; kept.name && taken.contains(kept.name->text()); ++number) {
      kept.name = files::numbered_name(*cleaned, number);
    }
    if (kept.name) taken.insert(kept.name->text());
  }
}

awaitable<std::optional<files::FileRecord>> Collector::store_one(const std::string& session, Kept& kept) const {
  files::FileRecord record(*kept.name);
  record.session = session;
  record.original_name = kept.name->text();
  record.content_type = std::string(files::content_type_for(kept.name->text()));
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
  name_all();
  std::vector<Kept*> kept;
  for (auto& [name, file] : kept_) {
    if (file.name)
      kept.push_back(&file);
    else
      left_out_.add(LeftOut::path, name);
  }
  std::vector<std::optional<files::FileRecord>> records(kept.size());
  std::function<awaitable<void>(std::size_t)> store_body = [&](std::size_t i) -> awaitable<void> {
    records[i] = co_await store_one(session, *kept[i]);
  };
  co_await for_each_index(kept.size(), store_body);

  std::vector<ResultFile> result;
  std::vector<store::Write> writes;
  std::vector<files::FileRecord> useless;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const Mount* mount = kept[i]->mount;
    if (!records[i]) {
      left_out_.add(LeftOut::storing, kept[i]->name->text());
      ++delivery_.attempted;
      continue;
    }
    const bool is_same = mount != nullptr && records[i]->sha256 == mount->record.sha256;
    if (is_same && !is_made_again(kept[i]->file, *mount)) {  // could not be said before
      unchanged_.push_back(mount);
      useless.push_back(std::move(*records[i]));
      records[i].reset();
      continue;
    }
    ++delivery_.attempted;
    std::ranges::move(files_.writes_for(*records[i]), std::back_inserter(writes));
    ResultFile& file = result.emplace_back();
    file.id = records[i]->id;
    file.name = records[i]->name.text();
    file.session = session;
    file.entity = records[i]->entity;
    file.sha256 = records[i]->sha256;
    if (mount != nullptr && !is_same) {
      file.modified_from_id = mount->record.id;
      file.modified_from_session = mount->record.session;
    }
  }
  const Written written = co_await commit(session, std::move(writes));
  if (written != Written::yes) {
    for (const ResultFile& file : result) left_out_.add(LeftOut::storing, file.name);
    result.clear();
  }
  if (written == Written::no) {
    for (auto& record : records) {
      if (record) useless.push_back(std::move(*record));
    }
  }
  delivery_.delivered = result.size();
  co_await discard(session, useless);

  const auto most_told = static_cast<std::size_t>(settings_.output_files);
  for (std::size_t i = most_told; i < result.size(); ++i) left_out_.add(LeftOut::number, result[i].name);
  if (result.size() > most_told) result.erase(result.begin() + settings_.output_files, result.end());
  tell_inherited(result, most_told);
  co_return result;
}

awaitable<Collector::Written> Collector::commit(const std::string& session, std::vector<store::Write> writes) {
  if (writes.empty()) co_return Written::yes;
  try {
    co_await files_.commit(std::move(writes));
    co_return Written::yes;
  } catch (const std::exception& error) {
    log_error("outputs not recorded", {{"session_id", session}, {"reason", error.what()}});
    // A store that only did not answer in time may record them yet, and then there must be something behind it.
    const auto* failure = dynamic_cast<const Failure*>(&error);
    co_return failure != nullptr && failure->kind() == FailureKind::unavailable ? Written::perhaps : Written::no;
  }
}

awaitable<void> Collector::discard(const std::string& session, const std::vector<files::FileRecord>& useless) {
  for (const files::FileRecord& record : useless) {
    try {
      co_await files_.discard(record);
    } catch (const std::exception& error) {
      log_warning("content not removed", {{"session_id", session}, {"reason", error.what()}});
    }
  }
}

// Clients that do not know the mark would show the user his own upload as a result.
void Collector::tell_inherited(std::vector<ResultFile>& result, std::size_t most) {
  std::ranges::sort(unchanged_, {}, [](const Mount* mount) { return mount->name.text(); });
  for (const Mount* mount : unchanged_) {
    if (result.size() >= most) break;
    if (!mount->by_storage_session) continue;
    ResultFile& file = result.emplace_back();
    file.id = mount->record.id;
    file.name = mount->name.text();
    file.session = mount->record.session;
    file.inherited = true;
    file.entity = mount->entity;
  }
}

bool Collector::is_gone(const Mount& mount) const {
  return !mount.missing && !mount.read_only && gone_.contains(mount.name.text());
}

std::vector<std::string> Collector::deleted() const {
  std::vector<std::string> names;
  for (const Mount& mount : mounted_.mounts) {
    if (mount.referenced && is_gone(mount)) names.push_back(mount.told_name);
  }
  return names;
}

awaitable<void> Collector::remember_removed(const std::string& session) {
  std::set<std::string> names;
  std::vector<files::FileRecord> removed, restored;
  for (const Mount& mount : mounted_.mounts) {
    if (!is_gone(mount)) {
      const auto* own = mount.referenced ? own_record(mounted_.own, mount.record, session) : nullptr;
      if (own != nullptr && own->removed && !mount.missing) restored.push_back(*own);
      continue;
    }
    names.insert(mount.name.text());
    // That file under whatever name it has in the session.
    removed.push_back(mount.record.session == session ? mount.record : files_.link(mount.record, session));
  }
  // All of that name that were there when the program began: an earlier one would come back in its place.
  for (const files::FileRecord& record : mounted_.own) {
    if (!record.removed && names.contains(record.name.text())) removed.push_back(record);
  }
  try {
    co_await files_.mark_removed(std::move(restored), false);
    co_await files_.mark_removed(std::move(removed), true);
  } catch (const std::exception& error) {
    log_warning("removed files stay", {{"session_id", session}, {"reason", error.what()}});
  }
}

}  // namespace ci::execution
