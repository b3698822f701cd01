#include "net/part_header.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/utf8.h"
#include "net/target.h"

namespace ci::net {

namespace {

// Takes a quoted string off the front of `text`. A backslash escapes quotes and backslashes only: some clients
// send Windows paths as they are.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    const bool escapes = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    if (escapes) ++i;
    value += text[i];
  }
  return std::nullopt;
}

// UTF-8''na%C3%AFve.txt (RFC 8187). Nothing for other character sets and broken text.
std::optional<std::string> decode_extended(std::string_view text) {
  const std::size_t first = text.find('\'');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('\'', first + 1);
  if (second == std::string_view::npos || lower_case(text.substr(0, first)) != "utf-8") return std::nullopt;
  auto decoded = percent_decode(text.substr(second + 1));
  if (!decoded || !is_utf8(*decoded)) return std::nullopt;
  return decoded;
}

// Browsers encode quotes and line breaks only, some clients everything. A name that does not decode to text is
// taken as it is.
std::string decode_plain(std::string text) {
  if (text.find('%') == std::string::npos) return text;
  auto decoded = percent_decode(text);
  return decoded && is_utf8(*decoded) ? std::move(*decoded) : std::move(text);
}

// "%41" stays what it is.
std::string decode_exact(std::string_view text) {
  constexpr std::pair<std::string_view, char> encoded[] = {{"%22", '"'}, {"%0d", '\r'}, {"%0a", '\n'}};
  std::string result;
  while (!text.empty()) {
    const std::string next = lower_case(text.substr(0, 3));
    const auto* found = std::ranges::find(encoded, next, &std::pair<std::string_view, char>::first);
    const bool known = found != std::end(encoded);
    result += known ? found->second : text.front();
    text.remove_prefix(known ? 3 : 1);
  }
  return result;
}

void read_disposition(std::string_view value, PartHeader& header) {
  auto parsed = parse_parameterized(value);
  if (!parsed || parsed->value != "form-data") {
    throw Failure(FailureKind::invalid, "Malformed Content-Disposition in the multipart body");
  }
  auto& parameters = parsed->parameters;
  if (const auto name = parameters.find("name"); name != parameters.end()) {
    header.name = decode_plain(std::move(name->second));
  }
  if (const auto plain = parameters.find("filename"); plain != parameters.end()) {
    header.exact_filename = decode_exact(plain->second);
    header.filename = decode_plain(std::move(plain->second));
  }
  if (const auto extended = parameters.find("filename*"); extended != parameters.end()) {
    if (auto decoded = decode_extended(extended->second)) {
      header.exact_filename = *decoded;
      header.filename = std::move(*decoded);
    }
  }
}

}  // namespace

std::optional<ParameterizedValue> parse_parameterized(std::string_view text) {
  ParameterizedValue result;
  const std::string_view value = text.substr(0, text.find(';'));
  result.value = lower_case(trimmed(value));
  text.remove_prefix(value.size());
  while (!text.empty()) {
    if (!text.starts_with(';')) return std::nullopt;
    text = trimmed(text.substr(1));
    if (text.empty() || text.starts_with(';')) continue;  // "a;;b" and a last ";" mean nothing
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::string name = lower_case(trimmed(text.substr(0, equals)));
    text = trimmed(text.substr(equals + 1));
    std::string parameter;
    if (text.starts_with('"')) {
      auto quoted = take_quoted(text);
      if (!quoted) return std::nullopt;
      parameter = std::move(*quoted);
      text = trimmed(text);
    } else {
      const std::string_view token = text.substr(0, text.find(';'));
      parameter = trimmed(token);
      text.remove_prefix(token.size());
    }
    if (name.empty() || !result.parameters.emplace(std::move(name), std::move(parameter)).second) return std::nullopt;
  }
  return result;
}

PartHeader parse_part_header(std::string_view lines) {
  PartHeader header;
  bool disposition = false;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      throw Failure(FailureKind::invalid, "Malformed part header in the multipart body");
    }
    const std::string name = lower_case(trimmed(line.substr(0, colon)));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-type") header.content_type = value;
    if (name == "content-disposition") {
      if (disposition) throw Failure(FailureKind::invalid, "A part of the multipart body has two Content-Dispositions");
      disposition = true;
      read_disposition(value, header);
    }
  }
  if (!disposition) throw Failure(FailureKind::invalid, "A part of the multipart body has no Content-Disposition");
  return header;
}

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  auto parsed = parse_parameterized(content_type);
  if (!parsed || parsed->value != "multipart/form-data") return std::nullopt;
  const auto boundary = parsed->parameters.find("boundary");
  if (boundary == parsed->parameters.end()) return std::nullopt;
  const std::string& text = boundary->second;
  const bool valid = !text.empty() && text.size() <= 70 && text.back() != ' ' &&
                     std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (!valid) return std::nullopt;
  return text;
}

}  // namespace ci::net
