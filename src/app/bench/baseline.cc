#include "app/bench/baseline.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "app/child_process.h"
#include "base/sys.h"

namespace ci::bench {

namespace {

constexpr const char* interpreter = "/usr/bin/python3";

double run_once() {
  const auto begin = std::chrono::steady_clock::now();
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  app::SpawnRequest request;
  request.program = interpreter;
  request.arguments = {"python3", "-c", "print('hello')"};
  request.descriptors = {{writing.get(), STDOUT_FILENO}};
  app::ChildProcess child = app::ChildProcess::spawn(request);
  writing.reset();
  std::string output;
  char buffer[256];
  for (;;) {
    const auto count = sys("reading output", [&] { return ::read(reading.get(), buffer, sizeof buffer); });
    if (count == 0) break;
    output.append(buffer, static_cast<size_t>(count));
  }
  const int status = child.wait();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  if (status != 0 || output != "hello\n") {
    throw Failure(FailureKind::internal, std::string(interpreter) + " does not print hello");
  }
  return time.count();
}

}  // namespace

std::optional<std::vector<double>> measure_bare_python(int warm_up, int count, const std::function<void(int)>& progress) {
  if (::access(interpreter, X_OK) != 0) return std::nullopt;
  for (int i = 0; i < warm_up; ++i) run_once();
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    times.push_back(run_once());
    progress(i + 1);
  }
  return times;
}

}  // namespace ci::bench
