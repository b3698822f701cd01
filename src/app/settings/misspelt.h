#pragma once
// Variables that are no settings while their names are nearly those of one: what an operator meant to set stays as it was.

#include <string>
#include <vector>

#include "app/settings/settings.h"

namespace ci::app {

struct Misspelt {
  std::string name, known;
};
std::vector<Misspelt> misspelt_settings(const Variables& variables);

// A line in the log for each in this process's environment and in `.env` of the working directory.
void log_misspelt_settings();

}  // namespace ci::app
