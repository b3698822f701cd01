#include "net/client/http_client.h"

#include "base/failure.h"
#include "net/client/engine.h"

namespace ci::net::client {

const std::string* Head::find(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

Stream::Stream(std::unique_ptr<Transfer> transfer) : transfer_(std::move(transfer)) {}
Stream::~Stream() = default;
const Head& Stream::head() const { return transfer_->head(); }
awaitable<size_t> Stream::read_some(std::span<std::byte> into) { return transfer_->read_some(into); }

Client::Client(asio::any_io_executor executor, Settings settings)
    : engine_(std::make_shared<Engine>(std::move(executor), std::move(settings))) {}

Client::~Client() = default;

awaitable<std::unique_ptr<Stream>> Client::open(Request request) {
  auto transfer = std::make_unique<Transfer>(engine_, std::move(request));
  co_await transfer->wait_for_head();
  transfer->release_request();
  co_return std::make_unique<Stream>(std::move(transfer));
}

awaitable<Response> Client::send(Request request, size_t limit) {
  Transfer transfer(engine_, std::move(request));
  co_await transfer.wait_for_head();
  Response response;
  std::vector<std::byte> piece(16 << 10);
  for (;;) {
    const size_t count = co_await transfer.read_some(piece);
    if (count == 0) break;
    if (response.body.size() + count > limit) throw Failure(FailureKind::internal, "an answer is larger than expected");
    response.body.append(reinterpret_cast<const char*>(piece.data()), count);
  }
  response.head = transfer.head();
  co_return response;
}

}  // namespace ci::net::client
