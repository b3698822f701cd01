#pragma once
// File names: what an upload is called, what a browser is told, what type a name suggests. Pure functions.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/relative_path.h"

namespace ci::files {

// Of one segment of a path, in characters and in bytes. An operator may want fewer characters.
inline constexpr std::size_t longest_name = 255;

// The flat name of a plain upload, as LibreChat computes it too: base name; every code point outside
// [A-Za-z0-9._-] becomes '_'; a leading '.' or nothing gets '_' in front; more than `longest` characters keep the
// extension and get six random hex digits, as far as there is room for them.
RelativePath flat_name(std::string_view sent, std::size_t longest = longest_name);

// Keeps subdirectories and letters of any script (NFC); each segment cleaned as above; a segment's leading dot
// stays only when `keep_dots`. Nothing when no segment is left or it is too deep.
std::optional<RelativePath> nested_name(std::string_view sent, bool keep_dots, std::size_t longest = longest_name);

// Whether a segment of it is longer than that.
bool is_too_long(const RelativePath& name, std::size_t longest);

// A name that a program made, which may be any bytes: as it is when it passes RelativePath, else each segment cleaned, and
// the longest ones shortened until the whole fits. The same for the same name. Nothing when it is empty or too deep.
std::optional<RelativePath> output_name(std::string_view made);

// "a-2.txt" for "a.txt": for when the name is taken. Nothing when there is no room for it.
std::optional<RelativePath> numbered_name(const RelativePath& name, int number);

// For Content-Disposition: attachment; filename="<ascii>"; filename*=UTF-8''<percent-encoded>, base name only.
std::string content_disposition(std::string_view name);

// By extension; "application/octet-stream" when unknown.
std::string_view content_type_for(std::string_view name);

}  // namespace ci::files
