#include "pool/local/call_frames.h"

namespace ci::pool {

namespace {

constexpr size_t number_bytes = 4;

std::uint32_t number_at(std::string_view bytes) {
  std::uint32_t value = 0;
  for (size_t i = number_bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void append_number(std::string& to, std::uint32_t value) {
  for (size_t i = 0; i < number_bytes; ++i) to.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

std::vector<Call> CallFrames::take(std::string_view bytes) {
  std::vector<Call> calls;
  rest_.append(bytes);
  std::string_view left = rest_;
  while (!broken_ && left.size() >= number_bytes) {
    const size_t size = number_at(left);  // of the call's number and request
    if (size < number_bytes || size > number_bytes + longest_call) broken_ = true;
    if (broken_ || left.size() < number_bytes + size) break;
    left.remove_prefix(number_bytes);
    const std::uint32_t number = number_at(left);
    if (open_.size() == most_open_calls || !open_.insert(number).second) {
      broken_ = true;
      break;
    }
    calls.emplace_back(number, std::string(left.substr(number_bytes, size - number_bytes)));
    left.remove_prefix(size);
  }
  rest_.erase(0, rest_.size() - left.size());
  return calls;
}

std::string CallFrames::answer(const Answer& answer) {
  if (open_.erase(answer.number) == 0) return {};
  std::string frame;
  append_number(frame, static_cast<std::uint32_t>(number_bytes + answer.result.size()));
  append_number(frame, answer.number);
  return frame + answer.result;
}

}  // namespace ci::pool
