#pragma once
// Our standard input for a program in a sandbox. It gets a pipe that we fill, never our own descriptor: that may be a terminal
// or a directory of the host.

#include <thread>

#include "base/unique_fd.h"

namespace ci::app {

class StandardInput {
 public:
  // Reads standard input from now on, as fast as the program takes it.
  StandardInput();
  // What was not taken by then is lost.
  ~StandardInput();

  int read_end() const { return read_end_.get(); }
  // Once the program's side has its copy: when it is gone we have nobody to read for.
  void close_read_end() { read_end_.reset(); }

 private:
  UniqueFd read_end_, stop_, stopped_;
  std::thread pump_;
};

}  // namespace ci::app
