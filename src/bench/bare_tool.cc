#include "bench/bare_tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <span>
#include <sstream>
#include <vector>

#include "base/sys.h"
#include "os/child_process.h"

namespace ci::bench {

namespace fs = std::filesystem;

namespace {

// Words between spaces. All run in a directory of their own, which is also HOME.
// Not code.py: that would hide the module `code` from libraries that import it.
constexpr std::array<std::string_view, 1> py = {"/usr/bin/python3 program.py"};
constexpr std::array<std::string_view, 1> js = {"/usr/bin/node code.js"};
constexpr std::array<std::string_view, 2> ts = {
    "/usr/bin/tsc --module commonjs --target es2019 code.ts", "/usr/bin/node code.js"};
constexpr std::array<std::string_view, 1> bash = {"/bin/bash code.sh"};
constexpr std::array<std::string_view, 1> php = {"/usr/bin/php code.php"};
constexpr std::array<std::string_view, 1> r = {"/usr/bin/Rscript code.r"};
constexpr std::array<std::string_view, 2> c = {"/usr/bin/gcc code.c -o program", "./program"};
constexpr std::array<std::string_view, 2> cpp = {"/usr/bin/g++ code.cpp -o program", "./program"};
constexpr std::array<std::string_view, 2> f90 = {"/usr/bin/gfortran code.f90 -o program", "./program"};
constexpr std::array<std::string_view, 2> d = {"/usr/bin/ldc2 code.d -of=program", "./program"};
constexpr std::array<std::string_view, 2> rs = {"/usr/bin/rustc main.rs -o program", "./program"};
constexpr std::array<std::string_view, 1> go = {"/usr/bin/go run main.go"};
constexpr std::array<std::string_view, 2> java = {"/usr/bin/javac Code.java", "/usr/bin/java -cp . Code"};

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string read_to_end(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto count = sys("reading output", [&] { return ::read(fd, buffer, sizeof buffer); });
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
  }
}

}  // namespace

struct BareTool::Recipe {
  std::string_view language;
  std::string_view file;
  std::span<const std::string_view> commands;
};

const BareTool::Recipe* BareTool::recipe_for(std::string_view language) {
  static constexpr std::array<Recipe, 13> recipes = {{
      {"py", "program.py", py},
      {"js", "code.js", js},
      {"ts", "code.ts", ts},
      {"bash", "code.sh", bash},
      {"php", "code.php", php},
      {"r", "code.r", r},
      {"c", "code.c", c},
      {"cpp", "code.cpp", cpp},
      {"f90", "code.f90", f90},
      {"d", "code.d", d},
      {"rs", "main.rs", rs},
      {"go", "main.go", go},
      {"java", "Code.java", java},
  }};
  const auto found = std::ranges::find(recipes, language, &Recipe::language);
  return found == recipes.end() ? nullptr : &*found;
}

std::unique_ptr<BareTool> BareTool::find(const Case& which) {
  const Recipe* recipe = recipe_for(which.language);
  if (recipe == nullptr) return nullptr;
  for (const std::string_view command : recipe->commands) {
    const std::string program = words_of(command).front();
    if (program.starts_with('/') && ::access(program.c_str(), X_OK) != 0) return nullptr;
  }
  return std::unique_ptr<BareTool>(new BareTool(which, *recipe));
}

BareTool::BareTool(const Case& which, const Recipe& recipe) : case_(which), recipe_(recipe) {
  for (const std::string_view command : recipe.commands) {
    std::string shown(command);
    if (shown.starts_with('/')) shown.erase(0, shown.rfind('/', shown.find(' ')) + 1);
    command_ += (command_.empty() ? "" : " && ") + shown;
  }
  std::string name = (fs::temp_directory_path() / "kubecoderun-bench-bare-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw Failure::from_errno(errno, "making a directory below " + name);
  directory_ = name;
}

BareTool::~BareTool() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

double BareTool::run() {
  const std::uint64_t number = fresh_number();
  {
    std::ofstream file(directory_ / recipe_.file, std::ios::binary | std::ios::trunc);
    file << numbered(case_.source, number);
    file.close();
    if (!file) throw Failure(FailureKind::internal, "cannot write below " + directory_.string());
  }
  const UniqueFd errors(sys("making a file", [&] {
    return ::open((directory_ / "errors").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }));
  std::vector<os::SpawnRequest> requests;
  for (const std::string_view command : recipe_.commands) {
    os::SpawnRequest& request = requests.emplace_back();
    request.arguments = words_of(command);
    request.program = request.arguments.front();
    request.directory = directory_.string();
    request.environment = std::vector<std::string>{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + directory_.string()};
  }

  const auto begin = std::chrono::steady_clock::now();
  std::string output;
  for (os::SpawnRequest& request : requests) {
    int ends[2];
    sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    request.descriptors = {{writing.get(), STDOUT_FILENO}, {errors.get(), STDERR_FILENO}};
    os::ChildProcess child = os::ChildProcess::spawn(request);
    writing.reset();
    output = read_to_end(reading.get());
    if (const int status = child.wait(); status != 0) {
      ::lseek(errors.get(), 0, SEEK_SET);
      throw Failure(
          FailureKind::internal,
          fmt::format("{} ends with {}: {:.300}", request.program, status, read_to_end(errors.get())));
    }
  }
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  if (output != numbered(case_.expected, number)) {
    throw Failure(FailureKind::internal, fmt::format("{} prints \"{:.60}\"", command_, output));
  }
  return time.count();
}

}  // namespace ci::bench
