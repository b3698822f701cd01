#include "sandbox/start/image.h"

// SANDBOXD_IMAGE is the path of the program, from the build.
asm(".section .rodata\n"
    ".global sandboxd_image_begin, sandboxd_image_end\n"
    ".balign 16\n"
    "sandboxd_image_begin:\n"
    ".incbin \"" SANDBOXD_IMAGE
    "\"\n"
    "sandboxd_image_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const char sandboxd_image_begin[], sandboxd_image_end[];

namespace ci::sandbox {

std::string_view sandboxd_image() {
  return {sandboxd_image_begin, static_cast<size_t>(sandboxd_image_end - sandboxd_image_begin)};
}

}  // namespace ci::sandbox
