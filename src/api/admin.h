#pragma once
// What administrators do: make keys, change them, take them back, and look at what runs now. Used on the I/O thread.

#include "access/managed_keys.h"
#include "base/async.h"
#include "execution/runs.h"
#include "net/http.h"

namespace ci::api {

class AdminRoutes {
 public:
  AdminRoutes(access::ManagedKeys& keys, execution::Runs& runs) : keys_(keys), runs_(runs) {}

  awaitable<net::Response> list_keys(net::Request& request);
  awaitable<net::Response> show_key(net::Request& request);  // with its use in each period
  awaitable<net::Response> create_key(net::Request& request);
  awaitable<net::Response> update_key(net::Request& request);
  awaitable<net::Response> revoke_key(net::Request& request);

  // Of this server, those that have not ended.
  awaitable<net::Response> list_runs(net::Request& request);
  awaitable<net::Response> cancel_run(net::Request& request);

 private:
  awaitable<access::KeyRecord> record_of(std::string hash);

  access::ManagedKeys& keys_;
  execution::Runs& runs_;
};

}  // namespace ci::api
