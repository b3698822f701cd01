#include "sandbox/compile.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"
#include "sandbox/headers.h"
#include "sandbox/link_options.h"

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

constexpr int cannot_start = 127;  // what a shell says when there is no such program

void say(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(to, text.data(), text.size());
    if (count < 0 && errno != EINTR) return;
    if (count > 0) text.remove_prefix(static_cast<size_t>(count));
  }
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

// The exit status of a command, all of whose output goes to `messages`.
int run(const std::vector<std::string>& command, const std::vector<std::string>& environment, int messages) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, messages, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawn(
      &child, command.front().c_str(), &actions, nullptr, pointers(command).data(), pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    say(messages, "cannot start " + command.front() + ": " + std::strerror(error) + "\n");
    return cannot_start;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string text_of(int file) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::pread(file, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

std::string text_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file ? text_of(file.get()) : std::string();
}

bool is_alone(const std::string& source) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(".", ignored)) {
    if (entry.path().filename() != source) return false;
  }
  return true;
}

// Nothing is left for the program but itself: its memory would count as the program's.
void tidy(const std::string& program) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(build_directory, ignored)) {
    if (entry.path() != program) fs::remove_all(entry.path(), ignored);
  }
}

// What the operator's own packages have set stands (GOPROXY): of a name that came twice, Go and a shell take different values.
std::vector<std::string> with_those_of_compiler(
    std::vector<std::string> environment, const std::vector<std::string>& of_compiler) {
  for (std::string& variable : environment) {
    if (variable.starts_with("TMPDIR=")) variable = std::string("TMPDIR=") + build_directory;
  }
  for (const std::string& variable : of_compiler) {
    const std::string_view name = std::string_view(variable).substr(0, variable.find('=') + 1);
    if (std::ranges::none_of(environment, [name](const std::string& other) { return other.starts_with(name); }))
      environment.push_back(variable);
  }
  return environment;
}

// With what depends on the source in the places that languages/table.cc marks.
std::vector<std::string> filled_in(std::vector<std::string> command, const std::string& source) {
  const auto replace = [&command](std::string_view mark, const auto& options_of) {
    const auto place = std::ranges::find(command, mark);
    if (place == command.end()) return;
    const std::vector<std::string> options = options_of();
    command.insert(command.erase(place), options.begin(), options.end());
  };
  replace("{headers}", [&] {
    const auto prepared = prepared_headers(text_of(source));
    return prepared ? std::vector<std::string>{"-include", *prepared} : std::vector<std::string>();
  });
  replace("{linker}", [] { return quick_linker(); });
  replace("{libraries}", [&] { return link_options(text_of(source)); });
  replace("{crates}", [] { return crate_options(std::array<fs::path, 2>{"/prepared/rust", "/runtimes/rust"}); });
  return command;
}

// A warning of our own files, or of a linker, which has words of its own for what others say, too.
bool names_the_quick_way(std::string_view said) {
  constexpr std::string_view names[] = {"/runtimes/", "/prepared/", "/build/", "ld.gold: ", "mold: "};
  return std::ranges::any_of(names, [said](std::string_view name) { return said.contains(name); });
}

std::optional<Compiled> compile_quickly(
    const CompilePlan& plan, const std::string& source, const std::vector<std::string>& environment) {
  const UniqueFd messages(::memfd_create("messages", MFD_CLOEXEC));
  if (!messages) return std::nullopt;
  for (const std::vector<std::string>& command : plan.quick) {
    if (run(filled_in(command, source), environment, messages.get()) != 0) return std::nullopt;
  }
  if (::access(plan.program.c_str(), X_OK) != 0) return std::nullopt;
  const std::string said = text_of(messages.get());
  if (names_the_quick_way(said)) return std::nullopt;
  say(STDERR_FILENO, said);
  return said.empty() ? Compiled::silently : Compiled::with_messages;
}

}  // namespace

Compiled compile_program(
    const CompilePlan& plan, const std::string& source, const std::vector<std::string>& environment) {
  const std::vector<std::string> variables = with_those_of_compiler(environment, plan.environment);
  std::optional<Compiled> compiled;
  if (!plan.quick.empty() && (!plan.quick_alone || is_alone(source)))
    compiled = compile_quickly(plan, source, variables);
  if (!compiled) {
    tidy({});
    const std::vector<std::string> command = filled_in(plan.command, source);
    if (const int status = run(command, variables, STDERR_FILENO); status != 0) ::_exit(status);
  }
  tidy(plan.program);
  return compiled.value_or(Compiled::with_messages);
}

}  // namespace ci::sandbox
