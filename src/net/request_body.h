#pragma once
// The body of the request that is being served: the framing taken off, "100 Continue" said when somebody begins to read,
// and an end when the client is too slow. I/O thread only.

#include <memory>
#include <span>

#include "base/byte_source.h"
#include "base/failure.h"
#include "net/body_decoder.h"
#include "net/intake.h"
#include "net/outbox.h"
#include "net/request_head.h"

namespace ci::net {

class RequestBody final : public ByteSource {
 public:
  // `owner` keeps what the others refer to alive.
  RequestBody(std::shared_ptr<void> owner, Intake& intake, Outbox& outbox, const RequestHead& head);

  // Fails as `invalid` when the framing is wrong or the client leaves half way, as `timeout` when it is too slow.
  awaitable<size_t> read_some(std::span<std::byte> into) override;

  bool done() const { return decoder_.done(); }
  // Whether it is worth while to read the rest for the sake of the next request.
  bool can_be_skipped() const;
  // Reads the rest and drops it; false when there was too much of it or the client stopped sending.
  awaitable<bool> skip();

 private:
  [[noreturn]] void fail(FailureKind kind, const std::string& reason);

  std::shared_ptr<void> owner_;
  Intake& intake_;
  Outbox& outbox_;
  BodyDecoder decoder_;
  bool expects_continue_;
  bool broken_ = false;
};

}  // namespace ci::net
