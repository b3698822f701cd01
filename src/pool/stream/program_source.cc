#include "pool/stream/program_source.h"

#include <algorithm>
#include <cstring>

#include "pool/stream/frames.h"
#include "pool/stream/texts.h"

namespace ci::pool {

namespace {

constexpr size_t piece_size = 64 << 10;

}  // namespace

ProgramSource::ProgramSource(const std::string& language, Program program) {
  sort_inputs(program.inputs);
  pending_ = frame_bytes(FrameTag::program, program_text(language, program));
  for (InputFile& input : program.inputs) bodies_.push_back(std::move(input.body));
  if (program.state && program.state->before) {
    bodies_.push_back(std::make_unique<OpenBody>(std::move(program.state->before)));
  }
}

awaitable<size_t> ProgramSource::read_some(std::span<std::byte> into) {
  while (sent_ == pending_.size() && !done_) {
    pending_.clear();
    sent_ = 0;
    co_await prepare();
  }
  const size_t count = std::min(into.size(), pending_.size() - sent_);
  std::memcpy(into.data(), pending_.data() + sent_, count);
  sent_ += count;
  co_return count;
}

awaitable<void> ProgramSource::prepare() {
  if (!current_) {
    done_ = next_ == bodies_.size();
    if (done_) co_return;
    current_ = co_await bodies_[next_]->open();
    if (!current_) {
      ++next_;
      pending_ = frame_bytes(FrameTag::absent);
      co_return;
    }
  }
  piece_.resize(piece_size);
  const size_t count = co_await current_->read_some(piece_);
  if (count > 0) {
    pending_ = frame_bytes(FrameTag::data, std::string_view(reinterpret_cast<const char*>(piece_.data()), count));
    co_return;
  }
  current_.reset();
  ++next_;
  pending_ = frame_bytes(FrameTag::end);
}

}  // namespace ci::pool
