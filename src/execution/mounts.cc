#include "execution/mounts.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

#include "base/ids.h"
#include "base/log.h"
#include "base/parallel.h"
#include "languages/language.h"

namespace ci::execution {

namespace {

using Found = std::vector<std::optional<files::FileRecord>>;

// The names taken so far, and the directories that they need: a file cannot be where a directory is.
class Tree {
 public:
  bool add(const RelativePath& path) {
    const std::string& text = path.text();
    if (files_.contains(text) || directories_.contains(text)) return false;
    std::vector<std::string> parents;
    for (std::size_t slash = text.find('/'); slash != text.npos; slash = text.find('/', slash + 1)) {
      parents.push_back(text.substr(0, slash));
      if (files_.contains(parents.back())) return false;
    }
    files_.insert(text);
    directories_.insert(parents.begin(), parents.end());
    return true;
  }

 private:
  std::set<std::string> files_, directories_;
};

// Older clients may hold an id that is gone, or none at all: then the name decides, the newest file of that name. Some know
// only the name that the user gave the file; that counts when nothing is stored under it.
const files::FileRecord* look_alike(const std::vector<files::FileRecord>& records, const FileReference& reference) {
  const files::FileRecord* stored = nullptr;
  const files::FileRecord* original = nullptr;
  for (const files::FileRecord& record : records) {
    if (record.removed) continue;
    if (record.name.text() == reference.name || record.name.text() == reference.id) stored = &record;
    if (record.original_name == reference.name) original = &record;
  }
  return stored != nullptr ? stored : original;
}

awaitable<Found> find_records(files::SessionFiles& files, const std::vector<FileReference>& references) {
  Found found(references.size());
  std::function<awaitable<void>(std::size_t)> by_id = [&](std::size_t i) -> awaitable<void> {
    const FileReference& reference = references[i];
    if (!is_plausible_id(reference.session) || !is_plausible_id(reference.id)) co_return;
    found[i] = co_await files.find(reference.session, reference.id);
  };
  co_await for_each_index(references.size(), by_id);

  std::map<std::string, std::vector<files::FileRecord>> listed;
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (!found[i] && is_plausible_id(references[i].session)) listed.try_emplace(references[i].session);
  }
  std::vector<std::string> sessions;
  for (const auto& [session, records] : listed) sessions.push_back(session);
  std::function<awaitable<void>(std::size_t)> list = [&](std::size_t i) -> awaitable<void> {
    std::vector<files::FileRecord> records = co_await files.list(sessions[i]);
    listed[sessions[i]] = std::move(records);
  };
  co_await for_each_index(sessions.size(), list);

  for (std::size_t i = 0; i < references.size(); ++i) {
    const auto records = listed.find(references[i].session);
    if (found[i] || records == listed.end()) continue;
    if (const auto* match = look_alike(records->second, references[i])) found[i] = *match;
  }
  co_return found;
}

}  // namespace

const files::FileRecord* own_record(
    const std::vector<files::FileRecord>& own, const files::FileRecord& file, const std::string& session) {
  const auto found = std::ranges::find_if(own, [&](const files::FileRecord& record) {
    if (file.session == session) return record.id == file.id;
    return record.source_session == file.session && record.source_id == file.id;
  });
  return found == own.end() ? nullptr : &*found;
}

namespace {

// What a file of this size takes in a memory file system.
std::uint64_t room_of(std::uint64_t size) {
  constexpr std::uint64_t page = 4096;
  return (size / page + 2) * page;
}

class StoredBody final : public pool::InputBody {
 public:
  StoredBody(files::SessionFiles& files, Mount& mount) : files_(files), mount_(mount) {}

  awaitable<std::unique_ptr<ByteSource>> open() override {
    for (;;) {
      auto content = co_await files_.open(mount_.record);
      if (content) co_return std::move(content->body);
      const files::FileRecord& record = mount_.record;
      log_warning("content of a file is gone", {{"session_id", record.session}, {"file_id", record.id}});
      if (mount_.older.empty()) break;
      mount_.record = std::move(mount_.older.front());
      mount_.older.erase(mount_.older.begin());
    }
    mount_.missing = true;
    co_return nullptr;
  }

 private:
  files::SessionFiles& files_;
  Mount& mount_;
};

}  // namespace

Choice choose_mounts(
    const std::vector<FileReference>& references, const Found& found, const std::vector<files::FileRecord>& own,
    const MountRules& rules) {
  std::vector<Mount> wanted;
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (!found[i] || !seen.emplace(found[i]->session, found[i]->id).second) continue;
    const FileReference& reference = references[i];
    // The host told the model the reference's name; where that cannot be a path, the stored one.
    const auto told = RelativePath::parse(reference.name);
    Mount& mount = wanted.emplace_back(*found[i], told ? *told : found[i]->name);
    mount.read_only = found[i]->read_only || reference.kind == "skill";
    mount.referenced = true;
    mount.by_storage_session = reference.by_storage_session;
    mount.entity = reference.entity;
    mount.told_name = reference.name;
  }
  std::ranges::reverse(wanted);  // the strongest claim to a name first

  for (const files::FileRecord& record : std::views::reverse(own)) {
    if (record.removed) continue;
    // Beside references, only what runs of this session made.
    const bool made_here = record.output && record.source_session.empty();
    if (!references.empty() && !rules.whole_session && !made_here) continue;
    if (seen.contains({record.session, record.id})) continue;
    Mount& mount = wanted.emplace_back(record, record.name);
    mount.read_only = record.read_only;
  }

  Choice choice;
  Tree tree;
  if (const auto source = RelativePath::parse(rules.source_file)) tree.add(*source);
  std::size_t own_count = 0;
  std::uint64_t taken = 0;
  for (Mount& mount : wanted) {
    const bool is_own = !mount.referenced;
    if (is_own) {
      const auto newer = std::ranges::find(choice.mounts, mount.name, &Mount::name);
      if (newer != choice.mounts.end() && !newer->referenced) newer->older.push_back(mount.record);
    }
    if (is_own && own_count == rules.own_limit) continue;
    if (!tree.add(mount.name)) {
      // Of several with one name all but one were not meant.
      if (std::ranges::find(choice.mounts, mount.name, &Mount::name) != choice.mounts.end()) continue;
      if (std::ranges::find(choice.unmounted, mount.name.text(), &Unmounted::name) != choice.unmounted.end()) continue;
      const bool is_source = mount.name.text() == rules.source_file;
      choice.unmounted.push_back({mount.name.text(), is_source ? Unmounted::Reason::source : Unmounted::Reason::path});
      continue;
    }
    if (is_own) ++own_count;
    if (taken + room_of(mount.record.size) > rules.room) {
      choice.unmounted.push_back({mount.name.text(), Unmounted::Reason::room});
      continue;
    }
    taken += room_of(mount.record.size);
    choice.mounts.push_back(std::move(mount));
  }
  return choice;
}

awaitable<MountedFiles> mount_files(
    files::SessionFiles& files, const ExecutionRequest& request, const files::Session& session, bool continued,
    const ExecutionSettings& settings) {
  MountedFiles mounted;
  const Found found = co_await find_records(files, request.files);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) log_info("file reference not found", {{"session_id", session.id}, {"index", i}});
  }
  if (continued) mounted.own = co_await files.list(session.id);
  const languages::Language* language = languages::find(request.language);
  CHECK(language != nullptr);
  MountRules rules;
  rules.own_limit = static_cast<std::size_t>(settings.session_files);
  rules.source_file = language->file;
  rules.whole_session = !request.session_name.empty();
  // The program wants to write there as well.
  if (settings.workspace_bytes > 0) rules.room = settings.workspace_bytes - settings.workspace_bytes / 4;
  Choice choice = choose_mounts(request.files, found, mounted.own, rules);
  mounted.mounts = std::move(choice.mounts);
  mounted.unmounted = std::move(choice.unmounted);
  if (!mounted.unmounted.empty()) {
    log_info("files are not mounted", {{"session_id", session.id}, {"count", mounted.unmounted.size()}});
  }
  for (Mount& mount : mounted.mounts) {
    mounted.inputs.emplace_back(
        mount.name, std::make_unique<StoredBody>(files, mount), mount.record.size, mount.read_only);
  }
  co_return mounted;
}

std::vector<store::Write> writes_for_mounts(
    const files::SessionFiles& files, const MountedFiles& mounted, const files::Session& session) {
  std::vector<store::Write> writes;
  for (const files::FileRecord& record : mounted.own)
    std::ranges::move(files.writes_to_keep(record), std::back_inserter(writes));
  for (const Mount& mount : mounted.mounts) {
    if (!mount.referenced || mount.record.session == session.id || mount.missing) continue;
    std::ranges::move(files.writes_to_keep(mount.record), std::back_inserter(writes));
    if (own_record(mounted.own, mount.record, session.id) != nullptr) continue;
    files::FileRecord link = files.link(mount.record, session.id);
    link.name = mount.name;
    link.read_only = mount.read_only;
    std::ranges::move(files.writes_for(link), std::back_inserter(writes));
  }
  return writes;
}

}  // namespace ci::execution
