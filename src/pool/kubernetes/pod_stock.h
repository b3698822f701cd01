#pragma once
// What one replica knows of the pods of all replicas: which there are, which can be taken, and why none comes. It calls nobody. I/O thread.

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/fair_queue.h"
#include "kubernetes/client.h"
#include "pool/kubernetes/plan.h"
#include "pool/kubernetes/pod.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

// A request that waits for a pod.
struct PodWaiter {
  explicit PodWaiter(asio::steady_timer& t) : timer(t) {}
  asio::steady_timer& timer;  // cancelled when there is something for it
  std::string pod;            // that it may try to take
};

// The pods of one language.
struct Shelf {
  std::string revision;  // that pods must have
  int floor = 0;         // warm ones there should be
  FairQueue<PodWaiter> waiting;
  int warm_in_creation = 0, reserved_in_creation = 0;  // asked for, and not among the pods yet

  // Why the cluster makes none, empty when it does, and until when it is left alone.
  std::string refusal;
  std::chrono::steady_clock::time_point rest_until{};
  enum class Why { cluster_refuses, pod_failed };
  void fails(Why why, std::string reason);
  void was_accepted();  // by the cluster; whether the pod will be good is not known
  void works();

 private:
  Why why_ = Why::cluster_refuses;
  std::chrono::steady_clock::duration rest_{};
};

class PodStock {
 public:
  explicit PodStock(const KubernetesSettings& settings);

  std::map<std::string, Shelf>& shelves() { return shelves_; }  // by language, of those that are offered
  const std::map<std::string, Shelf>& shelves() const { return shelves_; }
  Shelf* shelf(const std::string& language);
  const std::map<std::string, Pod>& pods() const { return pods_; }
  const Pod* find(const std::string& name) const;
  bool is_ours(const Pod& pod) const { return pod.instance == identity_; }

  // What the cluster says that a pod is now; null: it is gone. The language it is or was of, whose waiters may go on.
  std::string see(const std::string& name, const kubernetes::object* now);
  // An answer to a call of ours, which the watch may have overtaken.
  void see_answer(Pod pod);
  // A pod of ours that a call has made. The watch may have seen it already, or never will, when it was removed at once.
  void expect(Pod pod);
  void forget_unseen();

  // A claimed pod is being taken, on loan from us, or on its way out: nothing else is done with it. False: it was claimed.
  bool claim(const std::string& name) { return claimed_.insert(name).second; }
  void release(const std::string& name) { claimed_.erase(name); }
  bool is_claimed(const std::string& name) const { return claimed_.contains(name); }

  // The oldest that can be taken; null when there is none.
  const Pod* candidate(const std::string& language) const;
  // Somebody else has changed it: not a candidate before we have seen how.
  void was_refused(const Pod& pod) { refused_[pod.name] = pod.version; }

  // Gives free pods to those who wait, in turns, and claims them for them.
  void serve(const std::string& language);

  // Pods that will be ready by themselves, for those who wait.
  std::size_t coming(const std::string& language) const;
  bool is_coming(const std::string& language) const;
  int in_creation() const;  // of all languages
  std::map<std::string, PodWish> wishes() const;

  // Whether one more request of this owner may wait, where so many may.
  bool may_wait(const std::string& owner, std::size_t most) const;

  // Pods of this replica that no request of it has, and that are not claimed.
  std::vector<Pod> left_over() const;
  // Those that wait for anybody, or did: a node that is lost takes its pods with it without a word.
  std::vector<Pod> on_offer() const;
  // How often in a row it has not answered, with this time.
  int missed_sign(const std::string& name) { return ++missed_[name]; }
  void gave_sign(const std::string& name) { missed_.erase(name); }

  LanguageStatistics count(const std::string& language) const;
  // Whether there is a pod for the next program of each language of which there should be, or none will come.
  bool is_warm() const;
  // For operators, a sentence for each language.
  std::vector<std::string> problems() const;
  // Why a pod of the language does not start; empty: nothing is known.
  std::string problem_of(const std::string& language) const;
  // Logs it once, until there is one that works: a pod that finds no image tries again for ever.
  void tell_problem(const std::string& language);

 private:
  void learn_from(const Pod& pod);
  static void keep(Pod& known, Pod pod);

  std::string identity_;
  int port_;
  std::map<std::string, Shelf> shelves_;
  std::map<std::string, Pod> pods_;
  std::map<std::string, std::chrono::steady_clock::time_point> unseen_;  // expected, and not shown by the watch yet
  std::set<std::string> claimed_;
  std::map<std::string, std::string> refused_;  // the version that somebody else has changed
  std::map<std::string, int> missed_;           // signs of life
  std::set<std::string> told_;                  // languages whose problem is in the log
};

}  // namespace ci::pool
