#include "execution/mounts.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

#include "base/ids.h"
#include "base/log.h"
#include "execution/parallel.h"
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

// Older clients may hold an id that is gone: then the name decides, the newest file of that name.
const files::FileRecord* look_alike(const std::vector<files::FileRecord>& records, const FileReference& reference) {
  const files::FileRecord* match = nullptr;
  for (const files::FileRecord& record : records) {
    if (record.name.text() == reference.name || record.name.text() == reference.id) match = &record;
  }
  return match;
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

bool is_linked(const std::vector<files::FileRecord>& own, const files::FileRecord& source) {
  return std::ranges::any_of(own, [&](const files::FileRecord& record) {
    return record.source_session == source.session && record.source_id == source.id;
  });
}

}  // namespace

std::vector<Mount> choose_mounts(
    const std::vector<FileReference>& references, const Found& found, const std::vector<files::FileRecord>& own,
    std::size_t own_limit, std::string_view source_file) {
  std::vector<Mount> mounts;
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (!found[i] || !seen.emplace(found[i]->session, found[i]->id).second) continue;
    const FileReference& reference = references[i];
    // The host told the model the reference's name; where that cannot be a path, the stored one.
    const auto told = RelativePath::parse(reference.name);
    Mount& mount = mounts.emplace_back(*found[i], told ? *told : found[i]->name);
    mount.read_only = found[i]->read_only || reference.kind == "skill";
    mount.referenced = true;
    mount.by_storage_session = reference.by_storage_session;
    mount.entity = reference.entity;
  }
  std::ranges::reverse(mounts);  // the strongest claim to a name first

  for (const files::FileRecord& record : std::views::reverse(own)) {
    // Beside references, only what runs of this session made.
    if (!references.empty() && !(record.output && record.source_session.empty())) continue;
    if (seen.contains({record.session, record.id})) continue;
    Mount& mount = mounts.emplace_back(record, record.name);
    mount.read_only = record.read_only;
  }

  Tree tree;
  if (const auto source = RelativePath::parse(source_file)) tree.add(*source);
  std::size_t own_count = 0;
  std::erase_if(mounts, [&](const Mount& mount) {
    if (!mount.referenced && own_count == own_limit) return true;
    if (!tree.add(mount.name)) return true;
    if (!mount.referenced) ++own_count;
    return false;
  });
  return mounts;
}

awaitable<MountedFiles> mount_files(
    files::SessionFiles& files, const ExecutionRequest& request, const files::Session& session, bool continued,
    std::size_t own_limit) {
  MountedFiles mounted;
  const Found found = co_await find_records(files, request.files);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) log_info("file reference not found", {{"session_id", session.id}, {"index", std::to_string(i)}});
  }
  std::vector<files::FileRecord> own;
  if (continued) own = co_await files.list(session.id);
  const languages::Language* language = languages::find(request.language);
  CHECK(language != nullptr);
  std::vector<Mount> chosen = choose_mounts(request.files, found, own, own_limit, language->file);

  std::vector<std::optional<store::OpenObject>> bodies(chosen.size());
  std::function<awaitable<void>(std::size_t)> open = [&](std::size_t i) -> awaitable<void> {
    bodies[i] = co_await files.open(chosen[i].record);
  };
  co_await for_each_index(chosen.size(), open);

  for (std::size_t i = 0; i < chosen.size(); ++i) {
    Mount& mount = chosen[i];
    if (!bodies[i]) {
      log_warning("content of a file is gone", {{"session_id", mount.record.session}, {"file_id", mount.record.id}});
      continue;
    }
    if (mount.referenced && mount.record.session != session.id && !is_linked(own, mount.record)) {
      files::FileRecord link = files.link(mount.record, session.id);
      link.name = mount.name;
      link.read_only = mount.read_only;
      std::ranges::move(files.writes_for(link), std::back_inserter(mounted.links));
    }
    mounted.inputs.emplace_back(mount.name, std::move(bodies[i]->body), bodies[i]->size, mount.read_only);
    mounted.mounts.push_back(std::move(mount));
  }
  co_return mounted;
}

}  // namespace ci::execution
