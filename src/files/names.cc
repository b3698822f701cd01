#include "files/names.h"

#include <fmt/format.h>
#include <unicode/normalizer2.h>
#include <unicode/translit.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <utility>

#include "base/failure.h"
#include "base/ids.h"
#include "base/sha256.h"

namespace ci::files {

namespace {

constexpr std::size_t longest_extension = 100;
constexpr std::size_t longest_path = 256;  // characters, as RelativePath has it

bool is_plain(char32_t c) {
  return (c < 0x80 && std::isalnum(static_cast<int>(c)) != 0) || c == '.' || c == '-' || c == '_';
}

std::string_view base_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

// Every code point that `keep` refuses becomes '_'; so does each byte that is not UTF-8.
template <class Keep>
std::string replaced(std::string_view text, Keep keep) {
  std::string result;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto size = static_cast<std::int32_t>(text.size());
  for (std::int32_t i = 0; i < size;) {
    const std::int32_t begin = i;
    UChar32 c;
    U8_NEXT(bytes, i, size, c);
    if (c >= 0 && keep(static_cast<char32_t>(c))) {
      result.append(text.substr(static_cast<size_t>(begin), static_cast<size_t>(i - begin)));
    } else {
      result += '_';
    }
  }
  return result;
}

std::string six_hex_digits() {
  constexpr std::string_view digits = "0123456789abcdef";
  const std::string random = random_token(6);
  std::string text;
  for (const char c : random.substr(0, 6)) text += digits[static_cast<unsigned char>(c) & 15];
  return text;
}

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// Cuts at a code point, never inside one.
std::string cut_utf8(std::string_view text, std::size_t characters, std::size_t bytes) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < text.size() && count < characters; ++count) {
    std::size_t next = end + 1;
    while (next < text.size() && (text[next] & 0xc0) == 0x80) ++next;
    if (next > bytes) break;
    end = next;
  }
  return std::string(text.substr(0, end));
}

// `digits` are six that make the name another than its beginning.
std::string shortened(std::string name, std::size_t longest, std::string digits) {
  constexpr std::size_t mark = 7;  // "-" and six digits
  if (name.size() <= longest_name && characters_of(name) <= longest) return name;
  if (longest <= mark) return cut_utf8(name, longest, longest_name);
  const size_t dot = name.rfind('.');
  std::string extension = dot == name.npos || dot == 0 ? "" : name.substr(dot);
  // An extension that leaves no room for a stem is none.
  if (extension.size() + mark >= longest_name || characters_of(extension) + mark >= longest) extension.clear();
  const std::string stem = name.substr(0, name.size() - extension.size());
  const std::size_t characters = longest - characters_of(extension) - mark;
  return cut_utf8(stem, characters, longest_name - extension.size() - mark) + "-" + digits + extension;
}

std::string normalized(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  CHECK(U_SUCCESS(status));
  const auto source =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  std::string result;
  nfc->normalize(source, status).toUTF8String(result);
  return U_SUCCESS(status) ? result : std::string(text);
}

std::string clean_segment(std::string_view segment, bool keep_dots, std::size_t longest) {
  std::string name = replaced(normalized(segment), [](char32_t c) {
    return is_plain(c) || (c >= 0x80 && ::u_isalnum(static_cast<UChar32>(c))) ||
           (c >= 0x80 && (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_M_MASK) != 0);
  });
  if (name.empty() || (name.front() == '.' && !keep_dots)) name.insert(0, "_");
  return shortened(std::move(name), longest, six_hex_digits());
}

std::string joined(const std::vector<std::string>& segments) {
  std::string path;
  for (const std::string& segment : segments) path += (path.empty() ? "" : "/") + segment;
  return path;
}

constexpr auto types = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"bash", "text/x-shellscript"},
    {"bmp", "image/bmp"},
    {"c", "text/x-c"},
    {"cpp", "text/x-c++"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"gif", "image/gif"},
    {"go", "text/x-go"},
    {"gz", "application/gzip"},
    {"h", "text/x-c"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/x-icon"},
    {"ipynb", "application/x-ipynb+json"},
    {"java", "text/x-java"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"log", "text/plain"},
    {"md", "text/markdown"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"ogg", "audio/ogg"},
    {"parquet", "application/vnd.apache.parquet"},
    {"pdf", "application/pdf"},
    {"php", "text/x-php"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"py", "text/x-python"},
    {"r", "text/x-r"},
    {"rs", "text/x-rust"},
    {"rtf", "application/rtf"},
    {"sh", "text/x-shellscript"},
    {"sql", "application/sql"},
    {"sqlite", "application/vnd.sqlite3"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ts", "text/x-typescript"},
    {"tsv", "text/tab-separated-values"},
    {"txt", "text/plain"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
});

// What a browser without filename* shows: letters without their marks where there are such, '_' for the rest.
std::string ascii_name(std::string_view name) {
  std::string text(name);
  if (std::ranges::any_of(text, [](char c) { return static_cast<signed char>(c) < 0; })) {
    // Its tables take milliseconds to build: once, and only when a name needs them.
    static const std::unique_ptr<icu::Transliterator> to_ascii = [] {
      UErrorCode status = U_ZERO_ERROR;
      std::unique_ptr<icu::Transliterator> made(
          icu::Transliterator::createInstance("Any-Latin; Latin-ASCII", UTRANS_FORWARD, status));
      if (U_FAILURE(status)) made.reset();  // an ICU without these tables: '_' for each letter
      return made;
    }();
    auto unicode = icu::UnicodeString::fromUTF8(text);
    if (to_ascii) to_ascii->transliterate(unicode);
    text.clear();
    unicode.toUTF8String(text);
  }
  text = replaced(text, is_plain);
  return text.empty() ? "download" : text;
}

}  // namespace

RelativePath flat_name(std::string_view sent, std::size_t longest) {
  std::string name = replaced(base_of(sent), is_plain);
  if (name.empty() || name.front() == '.') name.insert(0, "_");
  auto path = RelativePath::parse(shortened(std::move(name), longest, six_hex_digits()));
  CHECK(path.has_value());
  return std::move(*path);
}

std::optional<RelativePath> nested_name(std::string_view sent, bool keep_dots, std::size_t longest) {
  std::string text(sent);
  std::ranges::replace(text, '\\', '/');
  std::vector<std::string> segments;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    if (segment.empty() || segment == "." || segment == "..") continue;
    segments.push_back(clean_segment(segment, keep_dots, longest));
  }
  return RelativePath::parse(joined(segments));
}

bool is_too_long(const RelativePath& name, std::size_t longest) {
  return std::ranges::any_of(
      name.segments(), [&](std::string_view segment) { return characters_of(segment) > longest; });
}

std::optional<RelativePath> output_name(std::string_view made) {
  if (auto path = RelativePath::parse(made)) return path;
  std::vector<std::string> segments;
  std::string_view rest = made;
  while (!rest.empty()) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    if (!segment.empty()) segments.push_back(flat_name(segment).text());
  }
  if (segments.empty()) return std::nullopt;
  for (;;) {
    const std::string whole = joined(segments);
    if (whole.size() <= longest_path) return RelativePath::parse(whole);
    const auto longest = std::ranges::max_element(segments, {}, &std::string::size);
    constexpr std::size_t shortest = 20;  // ten of them always fit
    if (longest->size() <= shortest) return std::nullopt;
    const std::size_t excess = whole.size() - longest_path;
    const std::size_t wanted = longest->size() > excess + shortest ? longest->size() - excess : shortest;
    std::string digits = sha256_hex(*longest).substr(0, 6);
    *longest = shortened(std::move(*longest), wanted, std::move(digits));
  }
}

std::optional<RelativePath> numbered_name(const RelativePath& name, int number) {
  const std::string_view base = name.base_name();
  const std::string folder = name.text().substr(0, name.text().size() - base.size());
  const std::size_t dot = base.rfind('.');
  const bool has_extension = dot != base.npos && dot > 0 && base.size() - dot <= longest_extension;
  const std::string extension(has_extension ? base.substr(dot) : std::string_view());
  std::string stem(base.substr(0, base.size() - extension.size()));
  for (;;) {
    if (auto path = RelativePath::parse(fmt::format("{}{}-{}{}", folder, stem, number, extension))) return path;
    if (characters_of(stem) < 2) return std::nullopt;
    stem = cut_utf8(stem, characters_of(stem) - 1, longest_name);
  }
}

std::string content_disposition(std::string_view name) {
  const std::string_view base = base_of(name);
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : base) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 15];
    }
  }
  return "attachment; filename=\"" + ascii_name(base) + "\"; filename*=UTF-8''" + encoded;
}

std::string_view content_type_for(std::string_view name) {
  const std::string_view base = base_of(name);
  const size_t dot = base.rfind('.');
  if (dot == base.npos) return "application/octet-stream";
  std::string extension(base.substr(dot + 1));
  std::ranges::transform(
      extension, extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = std::ranges::lower_bound(
      types, std::string_view(extension), {}, &std::pair<std::string_view, std::string_view>::first);
  return found != types.end() && found->first == extension ? found->second : "application/octet-stream";
}

}  // namespace ci::files
