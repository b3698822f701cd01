#include "pool/kubernetes/pod_stock.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>

namespace ci::pool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
namespace json = boost::json;

KubernetesSettings stock_settings() {
  KubernetesSettings settings;
  settings.all.image = "image:1";
  settings.identity = "me";
  settings.languages = {"py", "js"};
  settings.floors = {{"py", 2}};
  return settings;
}

class PodStockTest : public testing::Test {
 protected:
  struct As {
    const char* created = "2030-01-01T00:00:01Z";
    const char* version = "1";
    bool is_ready = true;
  };

  json::object object_of(const std::string& name, PodStatus status, const As& as) {
    json::object pod = pod_object(settings_, "py", status, name, "token");
    pod["metadata"].get_object()["creationTimestamp"] = as.created;
    pod["metadata"].get_object()["resourceVersion"] = as.version;
    pod["status"] = json::parse(R"({"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready"}]})");
    pod["status"].at_pointer("/conditions/0").get_object()["status"] = as.is_ready ? "True" : "False";
    return pod;
  }
  void see(const std::string& name, PodStatus status, const As& as) {
    const json::object pod = object_of(name, status, as);
    EXPECT_EQ(stock_.see(name, &pod), "py");
  }
  void see(const std::string& name, PodStatus status) { see(name, status, As()); }
  void see_failed(const std::string& name) {
    json::object pod = object_of(name, PodStatus::warm, As());
    pod["status"] = json::parse(
        R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"message": "no namespaces"}}}]})");
    stock_.see(name, &pod);
  }
  std::string candidate() const {
    const Pod* found = stock_.candidate("py");
    return found == nullptr ? "" : found->name;
  }

  KubernetesSettings settings_ = stock_settings();
  PodStock stock_{settings_};
};

TEST_F(PodStockTest, OffersTheOldestThatIsReadyAndNobodyElses) {
  EXPECT_EQ(candidate(), "");
  see("young", PodStatus::warm);
  As old;
  old.created = "2030-01-01T00:00:00Z";
  see("old", PodStatus::warm, old);
  As starting;
  starting.created = "2029-01-01T00:00:00Z";
  starting.is_ready = false;
  see("starts", PodStatus::warm, starting);
  settings_.identity = "other";
  see("of another", PodStatus::reserved, old);
  see("in use", PodStatus::in_use, old);
  EXPECT_EQ(candidate(), "old");
  EXPECT_TRUE(stock_.claim("old"));
  EXPECT_FALSE(stock_.claim("old"));
  EXPECT_EQ(candidate(), "young");
  stock_.release("old");
  EXPECT_EQ(candidate(), "old");
  EXPECT_EQ(stock_.see("old", nullptr), "py");
  EXPECT_EQ(candidate(), "young");
}

TEST_F(PodStockTest, DoesNotOfferWhatAnotherHasTakenBeforeItKnowsHow) {
  see("a", PodStatus::warm);
  stock_.was_refused(*stock_.find("a"));
  EXPECT_EQ(candidate(), "");
  As later;
  later.version = "2";
  see("a", PodStatus::warm, later);
  EXPECT_EQ(candidate(), "a");
}

TEST_F(PodStockTest, OffersNoneThatWasMadeFromSomethingElse) {
  settings_.all.image = "image:2";
  see("a", PodStatus::warm);
  EXPECT_EQ(candidate(), "");
}

TEST_F(PodStockTest, GivesToThoseWhoWaitInTurns) {
  asio::io_context context;
  asio::steady_timer timer(context, Deadline::max());
  PodWaiter first(timer), second(timer), third(timer);
  FairQueue<PodWaiter>& line = stock_.shelf("py")->waiting;
  line.push("greedy", first);
  line.push("greedy", second);
  line.push("modest", third);
  see("a", PodStatus::warm);
  stock_.serve("py");
  stock_.serve("py");
  As later;
  later.created = "2030-01-01T00:00:09Z";
  see("b", PodStatus::warm, later);
  stock_.serve("py");
  EXPECT_EQ(first.pod, "a");
  EXPECT_EQ(third.pod, "b");
  EXPECT_EQ(second.pod, "");
  EXPECT_EQ(line.size(), 1u);
  line.remove(second);
}

TEST_F(PodStockTest, AnAnswerDoesNotBringBackWhatIsGone) {
  see("a", PodStatus::warm);
  const Pod pod = *stock_.find("a");
  stock_.see("a", nullptr);
  stock_.see_answer(pod);
  EXPECT_EQ(stock_.find("a"), nullptr);
  stock_.expect(pod);  // its removal may be yet to come
  EXPECT_NE(stock_.find("a"), nullptr);
  stock_.forget_unseen();
  EXPECT_NE(stock_.find("a"), nullptr);
}

TEST_F(PodStockTest, RestsLongerEachTimeAPodFails) {
  Shelf& shelf = *stock_.shelf("py");
  see_failed("a");
  EXPECT_THAT(shelf.refusal, testing::HasSubstr("no namespaces"));
  const auto first = shelf.rest_until;
  see_failed("a");  // the same again: it has failed once
  EXPECT_EQ(shelf.rest_until, first);
  see_failed("b");  // of the same round
  EXPECT_EQ(shelf.rest_until, first);
  shelf.rest_until = {};  // as if it were over
  see_failed("c");
  EXPECT_GT(shelf.rest_until, first + std::chrono::milliseconds(500));
  shelf.was_accepted();  // another pod of a kind that fails
  EXPECT_FALSE(shelf.refusal.empty());
  see("d", PodStatus::warm);
  EXPECT_THAT(shelf.refusal, IsEmpty());
  EXPECT_LT(shelf.rest_until, std::chrono::steady_clock::now());
  shelf.fails(Shelf::Why::cluster_refuses, "quota");
  see("d", PodStatus::warm);  // ready as before, which says nothing
  EXPECT_EQ(shelf.refusal, "quota");
  shelf.was_accepted();
  EXPECT_THAT(shelf.refusal, IsEmpty());
}

TEST_F(PodStockTest, DoesNotCountOnWhatIsReadyNoMore) {
  As silent;
  silent.is_ready = false;
  see("starts", PodStatus::warm, silent);
  EXPECT_EQ(stock_.coming("py"), 1u);
  see("starts", PodStatus::warm);
  see("starts", PodStatus::warm, silent);
  EXPECT_EQ(stock_.coming("py"), 0u);
  EXPECT_EQ(stock_.count("py").creating, 0u);
  EXPECT_EQ(stock_.on_offer().size(), 1u) << "it is asked whether it lives";
}

TEST_F(PodStockTest, AProgramThatEndsItsPodIsNoProblemOfOthers) {
  json::object pod = object_of("a", PodStatus::in_use, As());
  pod["status"] = json::parse(
      R"({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"message": "words of a program"}}}]})");
  stock_.see("a", &pod);
  EXPECT_THAT(stock_.problem_of("py"), IsEmpty());
  EXPECT_THAT(stock_.problems(), IsEmpty());
}

TEST_F(PodStockTest, KnowsWhatOfItsOwnNobodyHas) {
  see("in use", PodStatus::in_use);
  see("reserved", PodStatus::reserved);
  see("on loan", PodStatus::in_use);
  stock_.claim("on loan");
  see("warm", PodStatus::warm);
  std::vector<std::string> names;
  for (const Pod& pod : stock_.left_over()) names.push_back(pod.name);
  EXPECT_THAT(names, ElementsAre("in use", "reserved"));
}

}  // namespace
}  // namespace ci::pool
