#pragma once
// The files of files/ as bytes, put into the program when it is built.

#include <span>
#include <string_view>

namespace ci::pages {

struct EmbeddedFile {
  std::string_view name;
  std::string_view plain, gzip;  // the same content
};

std::span<const EmbeddedFile> embedded_files();

}  // namespace ci::pages
