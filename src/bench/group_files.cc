// Upload and download of 1 MB, and a run that reads and writes as much.

#include <boost/json.hpp>

#include <algorithm>
#include <cstring>

#include "base/failure.h"
#include "bench/groups.h"
#include "bench/interrupt.h"
#include "bench/pace.h"
#include "bench/statistics.h"

namespace ci::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t file_size = 1'000'000;

// Bytes that nobody has stored before and that do not shrink when packed.
std::string fresh_bytes() {
  std::string bytes(file_size, '\0');
  std::uint64_t value = fresh_number();
  for (size_t i = 0; i + sizeof value <= bytes.size(); i += sizeof value) {
    // splitmix64: quick, and no two seeds give the same bytes.
    std::uint64_t mixed = value += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    std::memcpy(bytes.data() + i, &mixed, sizeof mixed);
  }
  return bytes;
}

// What an answer to an upload names; an empty id when it is not right.
AnswerFile uploaded(const Reply& reply) {
  boost::json::error_code error;
  const boost::json::value body = boost::json::parse(reply.body, error);
  AnswerFile file;
  if (error || reply.status != 200) return file;
  const auto text = [](const boost::json::value* value) {
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  file.session = text(body.find_pointer("/session_id", error));
  if (file.session.empty()) file.session = text(body.find_pointer("/storage_session_id", error));
  file.id = text(body.find_pointer("/files/0/fileId", error));
  file.name = text(body.find_pointer("/files/0/filename", error));
  if (file.session.empty() || file.name.empty()) file.id.clear();
  return file;
}

class FilesGroup {
 public:
  explicit FilesGroup(Workbench& bench) : bench_(bench), client_(bench.client()) {
    runs_.language = empty_.language = "py";
  }

  void measure() {
    bench_.progress.begin("files");
    for (int i = 0; i < 3; ++i) turn();  // to warm up
    for (Measurement* each : {&uploads_, &downloads_, &runs_, &empty_}) {
      each->times.clear();
      each->steps.clear();
    }
    const int count = bench_.request.count;
    const Pace limit{count, bench_.request.duration.count() * 1000.0, std::min(count, 10)};
    double spent = 0;
    for (int i = 0; !limit.is_over(i, spent) && !interrupted(); ++i) {
      const auto begin = Clock::now();
      turn();
      spent += std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
      bench_.progress.tell(i + 1, limit.count);
    }
    if (!runs_.times.empty() && !empty_.times.empty()) {
      bench_.add(
          "files", "1 MB in and 1 MB out adds", median(runs_.times) - median(empty_.times), "ms",
          "median of runs that read a file of 1 MB and leave another, minus the median of runs that do nothing");
    }
    for (Measurement* each : {&uploads_, &downloads_, &runs_, &empty_}) {
      for (const double time : each->times) each->seconds += time / 1000;
      bench_.report.measurements.push_back(std::move(*each));
    }
  }

 private:
  // One of each. What was stored is removed again, so that the last turn meets what the first one did.
  void turn() {
    try {
      const std::string bytes = fresh_bytes();
      const Reply upload = client_.upload("/upload", "in.dat", bytes);
      const AnswerFile file = uploaded(upload);
      if (file.id.empty()) {
        ++uploads_.errors["status " + std::to_string(upload.status) + " " + upload.body.substr(0, 200)];
        return;
      }
      uploads_.times.push_back(upload.time.count());
      download(file, bytes);
      run(file);
      client_.remove("/files/" + file.session + "/" + file.id);
      run_once(client_, RunRequest("py", "pass  # " + std::to_string(fresh_number()), ""), empty_);
    } catch (const Failure& failure) {
      ++uploads_.errors[failure.what()];
    }
  }

  void download(const AnswerFile& file, const std::string& bytes) {
    const Reply reply = client_.get("/download/" + file.session + "/" + file.id);
    if (reply.status == 200 && reply.body == bytes) {
      downloads_.times.push_back(reply.time.count());
    } else {
      ++downloads_.errors["status " + std::to_string(reply.status) + ", or other bytes than were uploaded"];
    }
  }

  void run(const AnswerFile& file) {
    const std::string number = std::to_string(fresh_number());
    RunRequest request(
        "py",
        "open('out.dat', 'wb').write(b'" + number + "' + open('" + file.name + "', 'rb').read()[" +
            std::to_string(number.size()) + ":])",
        "");
    request.inputs = {file};
    request.files = 1;
    const ExecAnswer answer = run_once(client_, request, runs_);
    for (const AnswerFile& left : answer.files) {
      if (left.id != file.id) client_.remove("/files/" + left.session + "/" + left.id);
    }
  }

  Workbench& bench_;
  HttpClient client_;
  Measurement uploads_{"files", "upload of 1 MB"}, downloads_{"files", "download of 1 MB"};
  Measurement runs_{"files", "run with 1 MB in and 1 MB out"}, empty_{"files", "run that does nothing"};
};

}  // namespace

void measure_files(Workbench& bench) { FilesGroup(bench).measure(); }

}  // namespace ci::bench
