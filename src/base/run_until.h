#pragma once
// Runs an io_context for as long as something is not yet so, for programs without an event loop of their own: commands and tests.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace ci {

// Runs what `context` has until `done()`, which is asked after each handler, and waits while there is nothing to run.
//
// Not `restart(); while (!done) run_one();`. A thread of a pool that lets go of the last work of an earlier call stops the
// context. Where it is held up between counting down and stopping, it stops the call that has begun since, run_one() returns at
// once for ever, and the loop never ends.
template <class Done>
void run_until(boost::asio::io_context& context, Done done) {
  const auto guard = boost::asio::make_work_guard(context);
  while (!done()) {
    if (context.stopped()) context.restart();
    context.run_one();
  }
}

}  // namespace ci
