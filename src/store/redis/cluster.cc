#include "store/redis/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/log.h"

namespace ci::store::redis {

namespace {

constexpr unsigned moves_before_asking = 16;

class Cluster final : public Servers {
 public:
  Cluster(const Site& site, std::vector<Endpoint> first_nodes)
      : site_(site), first_nodes_(std::move(first_nodes)), asking_(site.access.executor) {}

  bool are_many() const override { return true; }

  awaitable<std::shared_ptr<Pool>> find(std::uint16_t slot, Deadline deadline) override {
    co_await look_around(deadline);
    if (!owners_[slot]) {
      doubted_ = true;
      throw ConnectFailure(
          ConnectFailure::Outlook::passing, "no server of the Redis cluster holds this part of the keys");
    }
    co_return owners_[slot];
  }

  awaitable<std::vector<std::shared_ptr<Pool>>> all(Deadline deadline) override {
    co_await look_around(deadline);
    std::vector<std::shared_ptr<Pool>> all;
    for (const auto& owner : owners_) {
      if (owner && std::ranges::find(all, owner) == all.end()) all.push_back(owner);
    }
    std::ranges::sort(all, {}, [](const auto& pool) { return pool->endpoint(); });
    co_return all;
  }

  std::shared_ptr<Pool> at(const Endpoint& endpoint) override {
    std::shared_ptr<Pool>& pool = pools_[endpoint];
    if (!pool) pool = site_.open(endpoint);
    return pool;
  }

  void learn(std::uint16_t slot, const Endpoint& owner) override {
    owners_[slot % owners_.size()] = at(owner);
    // Who says so knows it; others may not yet. Only when much has moved, asking for the whole map is worth that risk.
    if (++moved_ % moves_before_asking == 0) doubted_ = true;
  }

  void doubt() override { doubted_ = true; }

 private:
  awaitable<void> look_around(Deadline deadline) {
    while (doubted_) {
      if (asking_.is_running()) {
        co_await asking_.wait();
      } else {
        co_await ask(deadline);
      }
    }
  }

  awaitable<void> ask(Deadline deadline) {
    const OneAtATime::Turn turn(asking_);
    std::vector<Endpoint> nodes;
    for (const auto& [endpoint, pool] : pools_) nodes.push_back(endpoint);
    for (const Endpoint& node : first_nodes_) {
      if (!pools_.contains(node)) nodes.push_back(node);
    }
    // Another one each time: the last may have been cut off from the others.
    std::ranges::rotate(nodes, nodes.begin() + static_cast<std::ptrdiff_t>(next_++ % nodes.size()));
    std::string reason;
    for (size_t tried = 0; tried < nodes.size(); ++tried) {
      try {
        co_await ask_one(nodes[tried], share_of(deadline, nodes.size() - tried));
        co_return;
      } catch (const Failure& failure) {
        reason = failure.what();
        log_debug("a node does not tell about its cluster", {{"server", nodes[tried].text()}, {"reason", reason}});
      }
    }
    throw ConnectFailure(ConnectFailure::Outlook::passing, "no server of the Redis cluster answers: " + reason);
  }

  awaitable<void> ask_one(Endpoint node, Deadline deadline) {
    const std::shared_ptr<Pool> pool = at(node);
    const auto loan = co_await pool->borrow(deadline);
    const Command command({"CLUSTER", "SLOTS"});
    const std::string_view text = command.bytes();
    const Connection::Answer answer = co_await loan->ask(std::span(&text, 1), deadline);
    if (answer.loss) throw ConnectFailure(ConnectFailure::Outlook::passing, *answer.loss);
    take(answer.replies.front(), node);
  }

  void take(const Reply& reply, const Endpoint& node) {
    const auto ranges = parse_cluster_slots(reply, node.host);
    if (ranges.empty()) {
      throw ConnectFailure(
          ConnectFailure::Outlook::passing, reply.is_error()
                                                ? "a server that should be of a cluster says: " + reply.text
                                                : "the Redis cluster has no slots yet");
    }
    owners_.fill(nullptr);
    std::map<Endpoint, std::shared_ptr<Pool>> kept;
    for (const SlotRange& range : ranges) {
      const auto pool = at(range.owner);
      kept[range.owner] = pool;
      for (int slot = range.first; slot <= range.last; ++slot) owners_[static_cast<size_t>(slot)] = pool;
    }
    pools_ = std::move(kept);
    doubted_ = false;
  }

  const Site site_;
  const std::vector<Endpoint> first_nodes_;
  std::map<Endpoint, std::shared_ptr<Pool>> pools_;
  std::array<std::shared_ptr<Pool>, slot_count> owners_;
  size_t next_ = 0;
  unsigned moved_ = 0;   // slots, since we began
  bool doubted_ = true;  // nobody was asked yet
  OneAtATime asking_;
};

}  // namespace

std::vector<SlotRange> parse_cluster_slots(const Reply& reply, const std::string& asked_host) {
  std::vector<SlotRange> ranges;
  for (const Reply& entry : reply.elements) {
    if (entry.elements.size() < 3 || entry.elements[2].elements.size() < 2) continue;
    const std::int64_t first = entry.elements[0].integer;
    const std::int64_t last = entry.elements[1].integer;
    const Reply& master = entry.elements[2];
    const std::string& host = master.elements[0].text;
    const std::int64_t port = master.elements[1].integer;
    if (first < 0 || last >= slot_count || first > last || port < 1 || port > 65535 || host == "?") continue;
    // A node that does not know its own address means the one we used.
    ranges.emplace_back(
        static_cast<int>(first), static_cast<int>(last),
        Endpoint(host.empty() ? asked_host : host, static_cast<int>(port)));
  }
  return ranges;
}

std::optional<Redirect> parse_redirect(const Reply& error, const std::string& asked_host) {
  if (!error.is_error("MOVED") && !error.is_error("ASK")) return std::nullopt;
  const size_t first = error.text.find(' ');
  const size_t second = error.text.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  const std::string_view place = std::string_view(error.text).substr(second + 1);
  const size_t colon = place.rfind(':');
  int slot = 0, port = 0;
  if (colon == place.npos || std::sscanf(error.text.c_str() + first, "%d", &slot) != 1) return std::nullopt;
  if (std::sscanf(std::string(place.substr(colon + 1)).c_str(), "%d", &port) != 1) return std::nullopt;
  const std::string host(place.substr(0, colon));
  if (slot < 0 || slot >= slot_count || port < 1 || port > 65535) return std::nullopt;
  return Redirect(
      static_cast<std::uint16_t>(slot), Endpoint(host.empty() ? asked_host : host, port),
      error.text.starts_with("ASK"));
}

std::unique_ptr<Servers> open_cluster(const Site& site, std::vector<Endpoint> first_nodes) {
  return std::make_unique<Cluster>(site, std::move(first_nodes));
}

}  // namespace ci::store::redis
