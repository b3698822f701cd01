#pragma once
// What a person sees when the server is ready. Not part of the log.

#include <filesystem>
#include <string>
#include <vector>

namespace ci::app {

struct BannerFacts {
  std::string version;
  std::string host;  // as listened on
  int port = 0;
  bool tls = false;
  std::vector<std::string> languages;  // codes
  bool authentication = true;
  // Set when we made the key; a key that the operator chose is not shown.
  std::string generated_key;
  std::filesystem::path key_file;
};

// With `on_terminal` the generated key is in it, and a little colour. Elsewhere, where it may be kept by whatever
// gathers output, the file of the key is named instead.
std::string banner_text(const BannerFacts& facts, bool on_terminal);

// To stderr.
void show_banner(const BannerFacts& facts);

}  // namespace ci::app
