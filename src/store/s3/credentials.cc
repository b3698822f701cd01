#include "store/s3/credentials.h"

#include <boost/asio/redirect_error.hpp>

#include "base/failure.h"
#include "base/log.h"
#include "store/s3/role_provider.h"

namespace ci::store::s3 {

namespace {

using std::chrono::system_clock;

// AWS offers new credentials at least five minutes before the old ones end.
constexpr std::chrono::minutes renewal_before{5};
constexpr std::chrono::seconds margin{10};  // of clocks and of a request on its way

class FixedKeys final : public CredentialSource {
 public:
  explicit FixedKeys(const S3Settings& settings) {
    credentials_.access_key = settings.access_key;
    credentials_.secret_key = settings.secret_key;
    credentials_.session_token = settings.session_token;
  }
  awaitable<Credentials> current() override { co_return credentials_; }
  bool renew() override { return false; }

 private:
  Credentials credentials_;
};

class RoleKeys final : public CredentialSource {
 public:
  RoleKeys(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool)
      : provider_(settings, executor, pool), fetched_(executor, Deadline::max()) {}

  awaitable<Credentials> current() override {
    for (;;) {
      if (!lasts(renewal_before) && !fetching_) {
        co_await fetch();
        co_return *kept_;
      }
      if (lasts(margin)) co_return *kept_;
      // Somebody else fetches. When they fail or are cancelled, it is our turn.
      boost::system::error_code woken;
      co_await fetched_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
  }

  bool renew() override {
    kept_.reset();
    return true;
  }

 private:
  struct Turn {
    explicit Turn(RoleKeys& keys) : owner(keys) { owner.fetching_ = true; }
    ~Turn() {
      owner.fetching_ = false;
      owner.fetched_.cancel();
    }
    RoleKeys& owner;
  };

  bool lasts(std::chrono::seconds time) const {
    return kept_ && (!kept_->expires || *kept_->expires - system_clock::now() > time);
  }

  awaitable<void> fetch() {
    const Turn turn(*this);
    std::string reason;
    try {
      kept_ = co_await provider_.fetch();
    } catch (const Failure& failure) {
      if (!lasts(margin)) throw;
      reason = failure.what();
    }
    if (!reason.empty()) log_warning("credentials not renewed, using the old ones", {{"reason", reason}});
  }

  RoleProvider provider_;
  std::optional<Credentials> kept_;
  bool fetching_ = false;
  asio::steady_timer fetched_;
};

}  // namespace

std::unique_ptr<CredentialSource> make_credentials(
    const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool) {
  const RoleSettings& role = settings.role;
  const bool has_place = !role.token_file.empty() || !role.container_url.empty() || !role.container_path.empty();
  const bool has_keys = !settings.access_key.empty() && !settings.secret_key.empty();
  if (settings.use_iam && (has_place || !has_keys)) {
    return std::make_unique<RoleKeys>(settings, std::move(executor), pool);
  }
  return std::make_unique<FixedKeys>(settings);
}

}  // namespace ci::store::s3
