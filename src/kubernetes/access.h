#pragma once
// Where a cluster's API server is and how we show it who we are: what a pod is given, or a kubeconfig. A value.
//
// Sources: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ and
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ci::kubernetes {

struct Access {
  std::string server;                // "https://host:6443", without a slash at its end
  std::string authorities;           // PEM; empty: those of this system
  std::string certificate, key;      // PEM, ours; empty: none
  std::string token;                 // empty: none, or in the file
  std::filesystem::path token_file;  // of a token that is renewed: to be read again from time to time
  std::string home;                  // the namespace that the context or the pod is in
  std::string origin;                // for messages: "the kubeconfig FILE", "this pod's account"
};

// `directory` is where relative paths begin; an empty `context` is the file's current one. Fails as `invalid` with what is
// wrong in it, also where it asks for something that we do not do: exec plugins, auth providers, passwords, skipped checks
// of certificates.
Access access_from_kubeconfig(
    const std::string& text, const std::filesystem::path& file, std::string_view context = {});

// `variable` gives environment variables; `account` holds token, ca.crt and namespace. Nothing where this is no pod.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<Access> access_of_pod(const Environment& variable, const std::filesystem::path& account);
extern const char* const default_account;  // where the kubelet puts these files

// As kubectl does: the named kubeconfig, that of KUBECONFIG, this pod's account, ~/.kube/config. Reads files: not on the
// I/O thread. Fails as `invalid` when there is none, or it is wrong.
Access find_access(
    const Environment& variable, const std::filesystem::path& kubeconfig = {}, std::string_view context = {});

}  // namespace ci::kubernetes
