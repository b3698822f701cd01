#include "base/white_space.h"

#include <algorithm>
#include <array>

namespace ci {

namespace {

constexpr std::array<std::string_view, 29> characters = {
    " ",
    "\t",
    "\n",
    "\r",
    "\v",
    "\f",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x1f",
    "\xc2\x85",
    "\xc2\xa0",
    "\xe1\x9a\x80",
    "\xe2\x80\x80",
    "\xe2\x80\x81",
    "\xe2\x80\x82",
    "\xe2\x80\x83",
    "\xe2\x80\x84",
    "\xe2\x80\x85",
    "\xe2\x80\x86",
    "\xe2\x80\x87",
    "\xe2\x80\x88",
    "\xe2\x80\x89",
    "\xe2\x80\x8a",
    "\xe2\x80\xa8",
    "\xe2\x80\xa9",
    "\xe2\x80\xaf",
    "\xe2\x81\x9f",
    "\xe3\x80\x80"};

template <class Fits>
std::size_t size_of(Fits fits) {
  const auto found = std::ranges::find_if(characters, fits);
  return found == characters.end() ? 0 : found->size();
}

}  // namespace

std::size_t white_space_at_front(std::string_view text) {
  return size_of([text](std::string_view character) { return text.starts_with(character); });
}

std::size_t white_space_at_back(std::string_view text) {
  return size_of([text](std::string_view character) { return text.ends_with(character); });
}

bool is_blank(std::string_view text) {
  while (const std::size_t size = white_space_at_front(text)) text.remove_prefix(size);
  return text.empty();
}

}  // namespace ci
