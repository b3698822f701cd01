#include "store/s3/answers.h"

#include <fmt/format.h>

#include <cstring>
#include <ctime>
#include <pugixml.hpp>

#include "base/time_text.h"

namespace ci::store::s3 {

namespace {

using TimePoint = std::chrono::system_clock::time_point;

std::string percent_decoded(std::string_view text) {
  std::string result;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  for (size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() &&
                       std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
                       std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0;
    if (!coded) {
      result += text[i];
      continue;
    }
    result += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return result;
}

// Servers differ in the namespace they declare, never in a prefix.
pugi::xml_node root(pugi::xml_document& document, std::string_view body) {
  if (!document.load_buffer(body.data(), body.size())) return {};
  return document.document_element();
}

TimePoint time_of(const pugi::xml_node& node) { return parse_iso_time(node.text().as_string()).value_or(TimePoint()); }

}  // namespace

std::string error_code(std::string_view body) {
  pugi::xml_document document;
  pugi::xml_node node = root(document, body);
  if (std::strcmp(node.name(), "ErrorResponse") == 0) node = node.child("Error");  // of STS
  if (std::strcmp(node.name(), "Error") != 0) return {};
  std::string code = node.child("Code").text().as_string();
  // It goes into log lines.
  for (const char c : code) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) return "Unreadable";
  }
  return code.substr(0, 64);
}

std::optional<ObjectStore::Page> parse_list(std::string_view body) {
  pugi::xml_document document;
  const pugi::xml_node list = root(document, body);
  if (std::strcmp(list.name(), "ListBucketResult") != 0) return std::nullopt;
  const bool encoded = std::strcmp(list.child("EncodingType").text().as_string(), "url") == 0;
  ObjectStore::Page page;
  for (const pugi::xml_node& entry : list.children("Contents")) {
    ObjectInfo info;
    info.key = entry.child("Key").text().as_string();
    if (encoded) info.key = percent_decoded(info.key);
    if (!is_object_key(info.key)) continue;
    info.size = entry.child("Size").text().as_ullong();
    info.modified = time_of(entry.child("LastModified"));
    page.objects.push_back(std::move(info));
  }
  if (list.child("IsTruncated").text().as_bool()) page.cursor = list.child("NextContinuationToken").text().as_string();
  return page;
}

std::string parse_upload_id(std::string_view body) {
  pugi::xml_document document;
  return root(document, body).child("UploadId").text().as_string();
}

std::vector<UnfinishedUpload> parse_unfinished(std::string_view body) {
  pugi::xml_document document;
  std::vector<UnfinishedUpload> uploads;
  for (const pugi::xml_node& entry : root(document, body).children("Upload")) {
    UnfinishedUpload upload;
    upload.key = entry.child("Key").text().as_string();
    upload.id = entry.child("UploadId").text().as_string();
    upload.begun = time_of(entry.child("Initiated"));
    if (is_object_key(upload.key) && upload.begun != TimePoint()) uploads.push_back(std::move(upload));
  }
  return uploads;
}

std::string completion(const std::vector<std::string>& etags) {
  pugi::xml_document document;
  pugi::xml_node all = document.append_child("CompleteMultipartUpload");
  all.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  for (size_t i = 0; i < etags.size(); ++i) {
    pugi::xml_node part = all.append_child("Part");
    part.append_child("PartNumber").text() = static_cast<unsigned>(i + 1);
    part.append_child("ETag").text() = etags[i].c_str();
  }
  struct Writer final : pugi::xml_writer {
    void write(const void* data, size_t size) override { text.append(static_cast<const char*>(data), size); }
    std::string text;
  } writer;
  document.save(writer, "", pugi::format_raw | pugi::format_no_declaration);
  return writer.text;
}

std::optional<RoleCredentials> parse_role(std::string_view body) {
  pugi::xml_document document;
  const pugi::xml_node found = root(document, body).child("AssumeRoleWithWebIdentityResult").child("Credentials");
  RoleCredentials role;
  role.access_key = found.child("AccessKeyId").text().as_string();
  role.secret_key = found.child("SecretAccessKey").text().as_string();
  role.session_token = found.child("SessionToken").text().as_string();
  role.expires = time_of(found.child("Expiration"));
  if (role.access_key.empty() || role.secret_key.empty() || role.expires == TimePoint()) return std::nullopt;
  return role;
}

std::optional<TimePoint> parse_http_date(std::string_view text) {
  std::tm time{};
  const std::string copy(text);
  if (::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time) == nullptr) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&time));
}

}  // namespace ci::store::s3
