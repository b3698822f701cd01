#pragma once
// What is on record of a state: KubeCodeRun's keys and fields, ours beside them.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::state {

std::string data_key(std::string_view session);      // base64 text of the wire bytes; or where they are, see below
std::string hash_key(std::string_view session);      // their SHA-256
std::string record_key(std::string_view session);    // the JSON text of a Record
std::string uploaded_key(std::string_view session);  // present for a while after an upload
inline const std::string record_prefix = "session:state:meta:";

struct Record {
  Record() = default;

  std::uint64_t size = 0;  // of the wire bytes
  std::string hash;
  std::chrono::system_clock::time_point created;
  bool from_upload = false;
  std::string python;                // "3.11"; empty when unknown, as of an upload
  std::vector<std::string> modules;  // that reading it will import. Hints from a sandbox, well-formed and few
  std::string object;                // key in the object store where the bytes are; empty: they are under data_key()

  friend bool operator==(const Record&, const Record&) = default;
};

std::string text_of(const Record& record);
// Nothing when it is not JSON or lacks what every record has.
std::optional<Record> record_from(std::string_view text);

// Takes "3.11 numpy,pandas" as a sandbox says it; what is not well-formed is left out.
void read_note(std::string_view note, Record& record);

// Behind that, after a semicolon: what it could not keep, "2 generator". How many, and the type of the first: a few
// harmless characters, though whoever wrote them may be hostile. For the log.
struct LeftOut {
  LeftOut() = default;
  std::uint32_t count = 0;
  std::string first;
};
LeftOut left_out_of(std::string_view note);

}  // namespace ci::state
