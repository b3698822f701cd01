#pragma once
// The words after `kubecoderun keys`, `kubecoderun metrics` and `kubecoderun packages`.

#include <functional>
#include <string>
#include <vector>

#include "app/commands/keys_command.h"
#include "app/commands/metrics_command.h"

namespace CLI {
class App;
}

namespace ci::app {

// What the command line asks for: set while it is read, called when all of it is understood. The result is the exit status.
using Chosen = std::function<int()>;

struct PackagesWords {
  std::string set, language;
  std::vector<std::string> names, options;
  bool json = false;
};

// Options and the choice must outlive the reading.
void add_packages(CLI::App& program, PackagesWords& words, Chosen& chosen);

void add_keys(CLI::App& program, KeyOptions& options, Chosen& chosen);
void add_metrics(CLI::App& program, MetricsOptions& options, long& interval, Chosen& chosen);

}  // namespace ci::app
