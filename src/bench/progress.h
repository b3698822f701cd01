#pragma once
// One line that is written over while things go on, on a terminal; else a line now and then. On stderr, so that tables
// can go to a file. Any thread.

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace ci::bench {

class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // What is measured from here on.
  void begin(std::string_view name);
  void tell(int done, int all);
  void tell(std::chrono::duration<double> spent, std::chrono::duration<double> all);
  // A line that stays.
  void note(std::string_view sentence);

 private:
  void show(const std::string& text, bool at_once);
  void clear_line();

  const bool terminal_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::string name_;
  std::chrono::steady_clock::time_point last_{};
  bool on_line_ = false;
};

}  // namespace ci::bench
