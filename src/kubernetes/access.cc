#include "kubernetes/access.h"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <sstream>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/failure.h"

namespace ci::kubernetes {

namespace fs = std::filesystem;

const char* const default_account = "/var/run/secrets/kubernetes.io/serviceaccount";

namespace {

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) throw Failure(FailureKind::invalid, "cannot read " + file.string());
  return text.str();
}

// A kubeconfig under the eyes of one reader: what it says is looked up by name, and complaints say where.
class Kubeconfig {
 public:
  Kubeconfig(const std::string& text, fs::path file) : file_(std::move(file)) {
    try {
      root_ = YAML::Load(text);
    } catch (const YAML::Exception& error) {
      fail(error.what());
    }
    if (!root_.IsMap()) fail("it is not a kubeconfig");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Failure(FailureKind::invalid, "the kubeconfig " + file_.string() + ": " + what);
  }

  std::string text(const YAML::Node& node, const char* name) const {
    const YAML::Node value = node.IsMap() ? node[name] : YAML::Node();
    if (!value.IsDefined() || value.IsNull()) return "";
    if (!value.IsScalar()) fail(std::string(name) + " is not a text");
    return value.Scalar();
  }

  // The part `inner` of the entry with this name in the list `list`.
  YAML::Node entry(const char* list, const char* inner, const std::string& name) const {
    for (const YAML::Node& each : root_[list].IsSequence() ? root_[list] : YAML::Node(YAML::NodeType::Sequence)) {
      if (each.IsMap() && text(each, "name") == name && each[inner].IsMap()) return each[inner];
    }
    fail("it has no " + std::string(inner) + " \"" + name + "\"");
  }

  std::string current_context() const { return text(root_, "current-context"); }

  // NAME-data, in base64, or the content of the file NAME.
  std::string data(const YAML::Node& node, const std::string& name) const {
    if (const std::string encoded = text(node, (name + "-data").c_str()); !encoded.empty()) {
      const auto decoded = decode_base64(encoded);
      if (!decoded) fail(name + "-data is not base64");
      return *decoded;
    }
    const std::string path = text(node, name.c_str());
    return path.empty() ? "" : content_of(beside(path));
  }

  fs::path beside(const std::string& path) const { return file_.parent_path() / path; }

 private:
  fs::path file_;
  YAML::Node root_;
};

}  // namespace

Access access_from_kubeconfig(const std::string& text, const fs::path& file, std::string_view context) {
  const Kubeconfig config(text, file);
  const std::string chosen = context.empty() ? config.current_context() : std::string(context);
  if (chosen.empty()) config.fail("it has no current-context; name one");
  const YAML::Node scene = config.entry("contexts", "context", chosen);
  const YAML::Node cluster = config.entry("clusters", "cluster", config.text(scene, "cluster"));
  const YAML::Node user = config.entry("users", "user", config.text(scene, "user"));

  Access access;
  access.origin = "the kubeconfig " + file.string();
  access.server = config.text(cluster, "server");
  while (access.server.ends_with('/')) access.server.pop_back();
  if (!access.server.starts_with("https://") && !access.server.starts_with("http://")) {
    config.fail("the server of the cluster is no address: \"" + access.server + "\"");
  }
  if (config.text(cluster, "insecure-skip-tls-verify") == "true") {
    config.fail("insecure-skip-tls-verify is not supported; give certificate-authority instead");
  }
  for (const char* unknown : {"exec", "auth-provider"}) {
    if (user[unknown].IsDefined()) {
      config.fail(
          "the user's " + std::string(unknown) +
          " is not supported; use a token or a client certificate, such as those of a service account");
    }
  }
  for (const char* unknown : {"username", "password"}) {
    if (!config.text(user, unknown).empty())
      config.fail("passwords are not supported; use a token or a client certificate");
  }
  access.authorities = config.data(cluster, "certificate-authority");
  access.certificate = config.data(user, "client-certificate");
  access.key = config.data(user, "client-key");
  if (access.certificate.empty() != access.key.empty())
    config.fail("client-certificate and client-key belong together");
  access.token = config.text(user, "token");
  if (const std::string path = config.text(user, "tokenFile"); !path.empty()) access.token_file = config.beside(path);
  access.home = config.text(scene, "namespace");
  if (access.home.empty()) access.home = "default";
  return access;
}

std::optional<Access> access_of_pod(const Environment& variable, const fs::path& account) {
  const auto host = variable("KUBERNETES_SERVICE_HOST");
  const auto port = variable("KUBERNETES_SERVICE_PORT");
  if (!host || host->empty() || !port || port->empty()) return std::nullopt;
  if (!fs::exists(account / "token")) return std::nullopt;  // a pod that may not speak with the cluster
  Access access;
  access.origin = "this pod's account";
  const bool is_bare_ipv6 = host->contains(':') && !host->starts_with('[');
  access.server = "https://" + (is_bare_ipv6 ? "[" + *host + "]" : *host) + ":" + *port;
  access.authorities = content_of(account / "ca.crt");
  access.token_file = account / "token";
  access.home = "default";
  if (fs::exists(account / "namespace")) access.home = trimmed(content_of(account / "namespace"), " \t\r\n");
  return access;
}

Access find_access(const Environment& variable, const fs::path& kubeconfig, std::string_view context) {
  const auto from = [&](const fs::path& file) { return access_from_kubeconfig(content_of(file), file, context); };
  if (!kubeconfig.empty()) return from(kubeconfig);
  if (const auto named = variable("KUBECONFIG"); named && !named->empty()) {
    if (named->contains(':')) {
      throw Failure(
          FailureKind::invalid,
          "KUBECONFIG names several files; name one, as `kubectl config view --flatten` makes it");
    }
    return from(*named);
  }
  if (auto access = access_of_pod(variable, default_account)) return *access;
  if (const auto home = variable("HOME"); home && fs::exists(fs::path(*home) / ".kube/config"))
    return from(fs::path(*home) / ".kube/config");
  throw Failure(
      FailureKind::invalid,
      "no cluster is known: this is not a pod with a service account, KUBECONFIG is not set and ~/.kube/config does "
      "not exist");
}

}  // namespace ci::kubernetes
