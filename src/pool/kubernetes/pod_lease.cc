#include "pool/kubernetes/pod_lease.h"

#include <chrono>
#include <csignal>
#include <optional>

#include "base/failure.h"
#include "base/log.h"
#include "pool/stream/event_stream.h"
#include "pool/stream/program_source.h"
#include "pool/stream/texts.h"

namespace ci::pool {

namespace {

// Whoever follows the run has limits of its own; a pod may be silent for as long as its program is.
constexpr std::chrono::hours longest_silence{24};
// Until the run has begun, beyond what is sent: the runner may have to make a sandbox for another language first.
constexpr std::chrono::seconds patience_for_begin{90};
constexpr std::chrono::seconds patience_for_words{10};
constexpr std::size_t longest_refusal = 8 << 10;
// For the cluster to say why a pod is gone whose connection broke: its node has to notice first. Asked so often.
constexpr std::chrono::seconds patience_for_fate{5};
constexpr std::chrono::milliseconds between_looks{50};

class PodLease final : public Lease {
 public:
  PodLease(
      net::client::Client& http, asio::thread_pool& blocking, std::filesystem::path spool, PodOnLoan pod,
      std::function<PodFate()> fate, std::function<void()> end)
      : http_(http),
        blocking_(blocking),
        spool_(std::move(spool)),
        pod_(std::move(pod)),
        fate_(std::move(fate)),
        end_(std::move(end)) {}

  ~PodLease() override {
    events_.reset();
    stream_.reset();  // the runner ends the program when nobody listens
    end_();
  }

  bool waits() override { return !stream_ && !has_ended_ && fate_() == PodFate::lives; }
  bool was_warm() const override { return pod_.found == FoundWarm::yes; }

  awaitable<void> start(Program program) override {
    EventLimits limits;
    limits.file = program.output_file_limit;
    limits.files = program.output_file_count;
    // One more is how a sandbox says that a state is too large.
    if (program.state) limits.state = program.state->largest + 1;
    limits.calls = program.calls;
    // Kept in the pod of a stranger's program: not to be given to others.
    program.compiled.reset();
    program.largest_compiled = 0;
    net::client::Request request = request_to("/run");
    request.silence = patience_for_begin;
    request.silence_of_answer = longest_silence;
    request.streamed = net::client::StreamedBody(std::make_unique<ProgramSource>(pod_.language, std::move(program)));
    stream_ = co_await http_.open(std::move(request));
    if (stream_->head().status != 200) co_await refuse();
    events_.emplace(*stream_, limits, spool_, blocking_, std::move(pod_.room));
  }

  awaitable<Event> next() override {
    if (is_lost_) co_return Event(Collected());
    std::string reason;
    bool is_cut = false;
    try {
      Event event = co_await events_->next();
      if (std::holds_alternative<Outcome>(event)) has_ended_ = true;
      co_return event;
    } catch (const Failure& failure) {
      reason = failure.what();
      is_cut = failure.kind() == FailureKind::unavailable;  // and not something that no runner says
    }
    if (has_ended_) {
      tell_of_loss(reason);
      throw Failure(FailureKind::unavailable, reason);
    }
    is_lost_ = has_ended_ = true;
    events_.reset();
    stream_.reset();  // the runner ends the program when nobody listens
    Outcome outcome;
    outcome.ended = Ended::lost;
    bool lacked = false;
    if (is_cut) lacked = co_await lacked_memory();
    if (lacked) {
      outcome.ended = Ended::out_of_memory;
      outcome.signal = SIGKILL;
    } else {
      tell_of_loss(reason);
    }
    co_return Event(std::move(outcome));
  }

  awaitable<void> tell(Word word) override {
    if (has_ended_ || !stream_) co_return;
    if (const auto* answer = std::get_if<Answer>(&word); answer != nullptr && events_)
      events_->answered(answer->number);
    const std::string text = word_text(word);
    net::client::Request request = request_to("/word");
    request.headers.emplace_back("Content-Type: application/json");
    request.body = std::as_bytes(std::span(text));
    request.deadline = after(patience_for_words);
    const net::client::Response response = co_await http_.send(std::move(request));
    const int status = response.head.status;
    if (status == 200 || status == 409) co_return;  // 409: it has ended meanwhile
    throw Failure(FailureKind::unavailable, "pod " + pod_.name + " does not take a word: " + std::to_string(status));
  }

 private:
  net::client::Request request_to(const char* path) const {
    net::client::Request request("POST", "http://" + pod_.address + path);
    request.headers = {"Authorization: Bearer " + pod_.token};
    return request;
  }

  void tell_of_loss(const std::string& reason) const {
    log_warning("a pod was lost", {{"pod", pod_.name}, {"reason", reason}});
  }

  // Nodes with control groups of version 2 end all of a pod where its memory is at an end, since Kubernetes 1.28: its runner with
  // the program (memory.oom.group).
  awaitable<bool> lacked_memory() const {
    for (const Deadline end = after(patience_for_fate);
         fate_() == PodFate::lives && std::chrono::steady_clock::now() < end;)
      co_await sleep_for(between_looks);
    co_return fate_() == PodFate::lacked_memory;
  }

  // The runner did not begin the run, and says why.
  awaitable<void> refuse() {
    const int status = stream_->head().status;
    std::string text(longest_refusal, '\0');
    const std::size_t count = co_await stream_->read_some(std::as_writable_bytes(std::span(text)));
    text.resize(count);
    if (status == 404) {
      throw Failure(
          FailureKind::unavailable,
          "the image " + pod_.image + " has no runner of this version; name one that has in K8S_IMAGE or LANG_IMAGE_…");
    }
    const FailureKind kind = status == 400 ? FailureKind::invalid : FailureKind::unavailable;
    throw Failure(kind, "pod " + pod_.name + " did not begin the run: " + std::to_string(status) + " " + text);
  }

  net::client::Client& http_;
  asio::thread_pool& blocking_;
  std::filesystem::path spool_;
  PodOnLoan pod_;
  std::function<PodFate()> fate_;
  std::function<void()> end_;
  std::unique_ptr<net::client::Stream> stream_;
  std::optional<EventReader> events_;
  bool has_ended_ = false, is_lost_ = false;
};

}  // namespace

std::uint64_t room_for_files(const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  return error ? UINT64_MAX : space.available / 2;  // the rest is others'
}

std::unique_ptr<Lease> make_pod_lease(
    net::client::Client& http, asio::thread_pool& blocking, std::filesystem::path spool, PodOnLoan pod,
    std::function<PodFate()> fate, std::function<void()> end) {
  return std::make_unique<PodLease>(http, blocking, std::move(spool), std::move(pod), std::move(fate), std::move(end));
}

}  // namespace ci::pool
