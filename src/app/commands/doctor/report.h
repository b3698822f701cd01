#pragma once
// How findings are told.

#include <vector>

#include "app/commands/doctor/finding.h"

namespace ci::app {

// Both to stdout. `usable`: whether sandboxes can be made here.
void print_for_people(const std::vector<Finding>& findings, bool usable);
void print_as_json(const std::vector<Finding>& findings, bool usable);

}  // namespace ci::app
