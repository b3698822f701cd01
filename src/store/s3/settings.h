#pragma once
// What an operator sets about the S3 store. Names in brackets are those of the environment.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ci::store::s3 {

// Where credentials of a role come from. The first that is set: web identity, container, keys, instance metadata.
struct RoleSettings {
  std::string token_file, role_arn, session_name;  // web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN …)
  std::string sts_endpoint;                        // URL; empty: that of the region (AWS_ENDPOINT_URL_STS)
  std::string container_url;                       // (AWS_CONTAINER_CREDENTIALS_FULL_URI)
  std::string container_path;                      // below 169.254.170.2 (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)
  std::string container_token, container_token_file;
  std::string metadata_endpoint;  // URL (AWS_EC2_METADATA_SERVICE_ENDPOINT)
};

struct S3Settings {
  std::string endpoint;                               // host:port, without a scheme (MINIO_ENDPOINT); empty: no S3
  bool secure = false;                                // TLS (MINIO_SECURE)
  std::string ca_file;                                // PEM, in place of the system's authorities (MINIO_CA_CERTS)
  std::string bucket;                                 // made when missing (MINIO_BUCKET)
  std::string region;                                 // part of each signature (MINIO_REGION)
  std::string access_key, secret_key, session_token;  // (MINIO_ACCESS_KEY …); empty only with `use_iam`
  bool use_iam = false;                               // credentials of this machine's role (MINIO_USE_IAM)

  RoleSettings role;

  // How long a call is tried before it fails (S3_TIMEOUT_SECONDS). A try is given up after half of it without a byte in
  // either direction; one that makes progress may take longer.
  std::chrono::milliseconds timeout{10000};
  // Objects up to this size are sent in one piece; of larger ones, this much is in memory. S3 wants 5 MiB or more.
  std::uint64_t part_bytes = 8 << 20;
  int parts_in_memory = 16;  // of all uploads together; more wait

  bool chosen() const { return !endpoint.empty(); }
};

// Why these settings cannot work, in words for the operator; nothing when they can.
std::optional<std::string> problem_of(const S3Settings& settings);

}  // namespace ci::store::s3
