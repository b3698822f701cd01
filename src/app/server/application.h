#pragma once
// The HTTP server process: builds every part in order, serves, stops every part in order.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>

#include "access/api_keys.h"
#include "access/managed_keys.h"
#include "api/libraries.h"
#include "api/service.h"
#include "app/processes/sandboxd_link.h"
#include "app/server/api_key.h"
#include "app/server/observation.h"
#include "app/server/preparations.h"
#include "app/server/store_watch.h"
#include "app/settings/settings.h"
#include "base/async.h"
#include "execution/runs.h"
#include "files/cleanup.h"
#include "files/session_files.h"
#include "files/sessions.h"
#include "net/server.h"
#include "pool/sandbox_pool.h"
#include "state/states.h"
#include "state/turns.h"
#include "store/open.h"

namespace ci::app {

class Application {
 public:
  // Opens the listening socket and reads the certificate, which may need privileges; nothing is accepted yet.
  // `data` is the directory of everything kept, `link` the connection to the supervisor.
  Application(const Settings& settings, std::filesystem::path data, UniqueFd link);
  ~Application();

  // Serves until SIGTERM or SIGINT; a second one cuts running programs short. 0, or 1 when the start failed (the
  // reason has then been said).
  int run();

 private:
  void build();
  void add_checks();
  void add_pages();
  std::unique_ptr<store::KeyValueStore> open_records();
  awaitable<void> serve();
  awaitable<void> start();
  void check_languages() const;
  void watch_this_machine();
  awaitable<void> clean_up_regularly();
  awaitable<void> clean_up_in_turn(std::string session, files::Cleanup::Work work);
  awaitable<void> archive_regularly();
  awaitable<void> show_keys();
  awaitable<void> write_key_uses();
  awaitable<void> watch_interpreters();
  awaitable<void> renew_sandboxes();
  awaitable<void> watch_signals();
  awaitable<void> wait_for_stop();
  awaitable<void> drain(Deadline deadline);
  awaitable<void> stop();
  void announce();

  Settings settings_;
  std::filesystem::path data_;
  UniqueFd link_descriptor_;
  asio::io_context context_{1};
  net::Server server_;
  std::optional<net::Server> metrics_server_;

  // Built by build(), in this order; a part uses only those before it.
  Observation observation_;
  Keys keys_;
  std::optional<asio::thread_pool> blocking_;
  std::unique_ptr<store::KeyValueStore> records_;
  std::unique_ptr<store::ObjectStore> bodies_;
  std::optional<access::ApiKeys> api_keys_;
  std::optional<access::ManagedKeys> managed_keys_;
  std::optional<access::RunPlaces> run_places_;
  std::optional<access::JsonWebTokens> tokens_;
  std::optional<files::Sessions> sessions_;
  std::optional<files::SessionFiles> files_;
  std::optional<files::Cleanup> cleanup_;
  std::optional<state::Turns> turns_;
  state::Turns::Turn cleaning_;  // of the session that the clean-up is at
  std::optional<state::States> states_;
  std::optional<SandboxdLink> link_;
  std::unique_ptr<pool::SandboxPool> pool_;
  std::optional<execution::Executions> executions_;
  std::optional<execution::Runs> runs_;
  std::unique_ptr<api::Service> service_;
  std::optional<StoreWatch> store_watch_;
  std::optional<api::LibraryRoutes> libraries_;
  std::optional<Preparer> preparer_;

  int signals_ = 0;             // how many asked us to stop
  std::exception_ptr failure_;  // of the start
  asio::steady_timer news_;     // cancelled when one of the two changes
  TaskGroup tasks_;
};

}  // namespace ci::app
