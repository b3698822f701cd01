#pragma once
// What the same machine needs for a bare interpreter: the yardstick for everything else.

#include <functional>
#include <optional>
#include <vector>

namespace ci::bench {

// Milliseconds of `count` runs of `/usr/bin/python3 -c "print('hello')"`, each from its start until its output has been
// read and it is reaped. Nothing when there is no such program. `progress` is told how many are done.
std::optional<std::vector<double>> measure_bare_python(int warm_up, int count, const std::function<void(int)>& progress);

}  // namespace ci::bench
