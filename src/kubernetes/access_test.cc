#include "kubernetes/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/failure.h"

namespace ci::kubernetes {
namespace {

using testing::HasSubstr;

constexpr auto config = R"(
apiVersion: v1
kind: Config
current-context: work
contexts:
- name: other
  context: {cluster: there, user: somebody}
- name: work
  context: {cluster: here, user: me, namespace: tests}
clusters:
- name: there
  cluster: {server: "http://127.0.0.1:8080"}
- name: here
  cluster:
    server: https://127.0.0.1:6443/
    certificate-authority-data: Q0E=
users:
- name: somebody
  user: {tokenFile: token}
- name: me
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
)";

std::string problem_of(const std::string& text) {
  try {
    access_from_kubeconfig(text, "/etc/config");
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::invalid);
    return failure.what();
  }
  return "";
}

// The configuration with `from` replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = config;
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "kubecoderun-test-access-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) { std::ofstream(path / name) << text; }
  std::filesystem::path path;
};
using AccessOfPod = Folder;
using FindAccess = Folder;

TEST(Kubeconfig, GivesTheCurrentContext) {
  const Access access = access_from_kubeconfig(config, "/etc/config");
  EXPECT_EQ(access.server, "https://127.0.0.1:6443");
  EXPECT_EQ(access.authorities, "CA");
  EXPECT_EQ(access.certificate, "cert");
  EXPECT_EQ(access.key, "key");
  EXPECT_EQ(access.token, "");
  EXPECT_EQ(access.home, "tests");
  EXPECT_EQ(access.origin, "the kubeconfig /etc/config");
}

TEST(Kubeconfig, GivesANamedContextAndFilesBesideIt) {
  const Access access = access_from_kubeconfig(config, "/etc/config", "other");
  EXPECT_EQ(access.server, "http://127.0.0.1:8080");
  EXPECT_EQ(access.token_file, "/etc/token");
  EXPECT_EQ(access.home, "default");
}

TEST(Kubeconfig, SaysWhatIsWrong) {
  EXPECT_THAT(problem_of("a: [1"), HasSubstr("the kubeconfig /etc/config: "));
  EXPECT_THAT(problem_of("- 1"), HasSubstr("it is not a kubeconfig"));
  EXPECT_THAT(problem_of("kind: Config"), HasSubstr("no current-context"));
  EXPECT_THAT(problem_of(with("current-context: work", "current-context: none")), HasSubstr("no context \"none\""));
  EXPECT_THAT(problem_of(with("cluster: here", "cluster: [1]")), HasSubstr("cluster is not a text"));
  EXPECT_THAT(
      problem_of(with("server: https://127.0.0.1:6443/", "server: nowhere")), HasSubstr("no address: \"nowhere\""));
  EXPECT_THAT(problem_of(with("Q0E=", "no-base64!")), HasSubstr("certificate-authority-data is not base64"));
  EXPECT_THAT(problem_of(with("    client-key-data: a2V5\n", "")), HasSubstr("belong together"));
}

TEST(Kubeconfig, RefusesWhatWeDoNotDo) {
  EXPECT_THAT(
      problem_of(with("client-key-data: a2V5", "exec: {command: aws}")),
      HasSubstr("exec is not supported; use a token"));
  EXPECT_THAT(
      problem_of(with("client-key-data: a2V5", "auth-provider: {name: gcp}")),
      HasSubstr("auth-provider is not supported"));
  EXPECT_THAT(problem_of(with("client-key-data: a2V5", "password: x")), HasSubstr("passwords are not supported"));
  EXPECT_THAT(
      problem_of(with("certificate-authority-data: Q0E=", "insecure-skip-tls-verify: true")),
      HasSubstr("insecure-skip-tls-verify is not supported"));
}

TEST_F(AccessOfPod, IsWhatTheKubeletGives) {
  write("token", "secret");
  write("ca.crt", "CA");
  write("namespace", "runs\n");
  const auto access =
      access_of_pod(environment({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}}), path);
  ASSERT_TRUE(access);
  EXPECT_EQ(access->server, "https://10.0.0.1:443");
  EXPECT_EQ(access->token_file, path / "token");
  EXPECT_EQ(access->token, "");
  EXPECT_EQ(access->authorities, "CA");
  EXPECT_EQ(access->home, "runs");
}

TEST_F(AccessOfPod, KnowsAddressesWithColons) {
  write("token", "secret");
  write("ca.crt", "CA");
  const auto access =
      access_of_pod(environment({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}}), path);
  ASSERT_TRUE(access);
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
}

TEST_F(AccessOfPod, IsNothingElsewhereAndWithoutAnAccount) {
  EXPECT_FALSE(access_of_pod(environment({}), path));
  EXPECT_FALSE(
      access_of_pod(environment({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}}), path));
}

TEST_F(FindAccess, TakesTheNamedFileThenTheVariableThenTheHome) {
  write("config", config);
  std::filesystem::create_directory(path / ".kube");
  std::filesystem::copy(path / "config", path / ".kube/config");
  const std::string file = (path / "config").string(), home = path.string();
  EXPECT_EQ(find_access(environment({}), file).home, "tests");
  EXPECT_EQ(find_access(environment({{"KUBECONFIG", file}}), {}, "other").home, "default");
  EXPECT_EQ(find_access(environment({{"HOME", home}})).origin, "the kubeconfig " + home + "/.kube/config");
}

TEST_F(FindAccess, SaysWhenThereIsNone) {
  for (const auto& values :
       {std::map<std::string, std::string>{}, {{"KUBECONFIG", "a:b"}}, {{"KUBECONFIG", "/nowhere/config"}}}) {
    EXPECT_THROW(find_access(environment(values)), Failure);
  }
}

}  // namespace
}  // namespace ci::kubernetes
