#include "store/s3/settings.h"

#include <algorithm>

namespace ci::store::s3 {

namespace {

bool is_bucket_name(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           (c >= 'A' && c <= 'Z');
  };
  return name.size() >= 3 && name.size() <= 63 && std::ranges::all_of(name, plain) && !name.contains("..");
}

}  // namespace

std::optional<std::string> problem_of(const S3Settings& settings) {
  if (settings.endpoint.contains("://")) {
    return "MINIO_ENDPOINT (S3_ENDPOINT): \"" + settings.endpoint +
           "\" has a scheme; write host:port, and MINIO_SECURE=true for https";
  }
  if (settings.endpoint.find_first_of("/?#@ ") != std::string::npos) {
    return "MINIO_ENDPOINT (S3_ENDPOINT): \"" + settings.endpoint + "\" is not host:port";
  }
  if (!is_bucket_name(settings.bucket)) {
    return "MINIO_BUCKET (S3_BUCKET): \"" + settings.bucket + "\" is not the name of a bucket";
  }
  if (settings.region.empty()) return "MINIO_REGION (S3_REGION): it is empty";
  if (!settings.use_iam && (settings.access_key.empty() || settings.secret_key.empty())) {
    return "MINIO_ACCESS_KEY and MINIO_SECRET_KEY (S3_ACCESS_KEY, S3_SECRET_KEY) are both needed for the object store "
           "at " +
           settings.endpoint + ", or MINIO_USE_IAM=true";
  }
  return std::nullopt;
}

}  // namespace ci::store::s3
