#pragma once
// The XML that S3 servers answer with, and the one document we send. Pure functions; what a server sends is not trusted.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/object_store.h"

namespace ci::store::s3 {

// The <Code> of an error document, such as "NoSuchKey"; empty when it is none. Texts are ignored: some servers leave
// them empty.
std::string error_code(std::string_view body);

// ListObjectsV2 that was asked for with encoding-type=url. Keys that are not ours are left out. Nothing: not such an answer.
std::optional<ObjectStore::Page> parse_list(std::string_view body);

// <UploadId> of InitiateMultipartUpload; empty when there is none.
std::string parse_upload_id(std::string_view body);

struct UnfinishedUpload {
  std::string key, id;
  std::chrono::system_clock::time_point begun;
};
std::vector<UnfinishedUpload> parse_unfinished(std::string_view body);

// The body of CompleteMultipartUpload.
std::string completion(const std::vector<std::string>& etags);

// Credentials from AssumeRoleWithWebIdentity; nothing when some are missing.
struct RoleCredentials {
  std::string access_key, secret_key, session_token;
  std::chrono::system_clock::time_point expires;
};
std::optional<RoleCredentials> parse_role(std::string_view body);

// "Wed, 21 Oct 2015 07:28:00 GMT"
std::optional<std::chrono::system_clock::time_point> parse_http_date(std::string_view text);

}  // namespace ci::store::s3
