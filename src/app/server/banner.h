#pragma once
// What a person at a terminal sees when the server is ready. Elsewhere the log has one line instead.

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

// With a generated key in it, and a little colour.
std::string banner_text(const BannerFacts& facts);

// To stderr when that is a terminal whose log is for people; to the log, which names the file of the key, in any case.
void announce_ready(const BannerFacts& facts);

}  // namespace ci::app
