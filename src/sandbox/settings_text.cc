#include "sandbox/settings_text.h"

#include "sandbox/wire.h"

namespace ci::sandbox {

namespace {

// One list of the fields serves both directions: `field` writes or reads what it is given.
template <class Settings, class Field>
void each_setting(Settings& settings, Field&& field) {
  auto& sandboxd = settings.sandboxd;
  field(sandboxd.memory_bytes);
  field(sandboxd.processes);
  field(sandboxd.open_files);
  field(sandboxd.workspace_bytes);
  field(sandboxd.tmp_bytes);
  field(sandboxd.workspace_files);
  field(sandboxd.hostname);
  field(sandboxd.languages);
  field(sandboxd.allow_weak);
  field(sandboxd.runtimes);
  field(sandboxd.root);
  field(sandboxd.prepared);
  field(sandboxd.packages);
  field(sandboxd.package_sets);
  field(sandboxd.cgroup_mount);
  field(sandboxd.python_levels);
  field(sandboxd.python_modules);
  field(sandboxd.keep_plots);
  field(settings.log.level);
  field(settings.log.format);
  field(settings.log.target);
  field(settings.log.logger);
  field(settings.log.version);
}

struct WriteSetting {
  Writer& writer;

  void operator()(std::uint64_t value) { writer.number(value); }
  void operator()(bool value) { writer.number(static_cast<std::uint8_t>(value)); }
  void operator()(const std::string& value) { writer.text(value); }
  void operator()(const std::filesystem::path& value) { writer.text(value.native()); }
  void operator()(LogLevel value) { writer.number(static_cast<std::uint8_t>(value)); }
  void operator()(LogFormat value) { writer.number(static_cast<std::uint8_t>(value)); }
  void operator()(LogTarget value) { writer.number(static_cast<std::uint8_t>(value)); }
  template <class Texts>
  void operator()(const Texts& values) {
    writer.number(static_cast<std::uint32_t>(values.size()));
    for (const std::string& value : values) writer.text(value);
  }
};

struct ReadSetting {
  Reader& reader;

  void operator()(std::uint64_t& value) { value = reader.number<std::uint64_t>(); }
  void operator()(bool& value) { value = reader.number<std::uint8_t>() != 0; }
  void operator()(std::string& value) { value = reader.text(); }
  void operator()(std::filesystem::path& value) { value = reader.text(); }
  void operator()(LogLevel& value) { value = static_cast<LogLevel>(reader.number<std::uint8_t>()); }
  void operator()(LogFormat& value) { value = static_cast<LogFormat>(reader.number<std::uint8_t>()); }
  void operator()(LogTarget& value) { value = static_cast<LogTarget>(reader.number<std::uint8_t>()); }
  template <class Texts>
  void operator()(Texts& values) {
    for (auto left = reader.number<std::uint32_t>(); left > 0; --left) values.insert(values.end(), reader.text());
  }
};

}  // namespace

std::string settings_text(const StartSettings& settings) {
  Writer writer(Tag::settings);
  each_setting(settings, WriteSetting{writer});
  return writer.bytes();
}

StartSettings parse_settings_text(std::string_view text) {
  Reader reader(text);
  if (reader.tag() != Tag::settings) throw Failure(FailureKind::internal, "these are not the settings of sandboxd");
  StartSettings settings;
  each_setting(settings, ReadSetting{reader});
  return settings;
}

}  // namespace ci::sandbox
