#include "pages/embedded.h"

#include <array>

// EMBEDDED_LIST is a file of the build: one EMBED(number, name, plain, gzip) for each file, the last two are paths.
#define EMBED(number, name, plain, gzip)                                     \
  asm(".section .rodata\n"                                                   \
      ".balign 16\n"                                                         \
      ".global page_" #number "_plain, page_" #number "_gzip, page_" #number \
      "_end\n"                                                               \
      "page_" #number "_plain: .incbin \"" plain                             \
      "\"\n"                                                                 \
      "page_" #number "_gzip: .incbin \"" gzip                               \
      "\"\n"                                                                 \
      "page_" #number                                                        \
      "_end: .byte 0\n"                                                      \
      ".previous\n");                                                        \
  extern "C" const char page_##number##_plain[], page_##number##_gzip[], page_##number##_end[];
#include EMBEDDED_LIST
#undef EMBED

namespace ci::pages {

namespace {

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }

}  // namespace

std::span<const EmbeddedFile> embedded_files() {
#define EMBED(number, name, plain, gzip) \
  EmbeddedFile{                          \
      name, between(page_##number##_plain, page_##number##_gzip), between(page_##number##_gzip, page_##number##_end)},
  static const std::array files = {
#include EMBEDDED_LIST
  };
#undef EMBED
  return files;
}

}  // namespace ci::pages
