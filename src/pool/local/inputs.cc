#include "pool/local/inputs.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <iterator>

#include "base/parallel.h"
#include "base/sys.h"
#include "os/source_file.h"
#include "sandbox/wire.h"

namespace ci::pool {

// Files of one message: no more than `gathered_at_once`, so their names fit.
struct Puts {
  Puts() = default;
  sandbox::Writer message{sandbox::Tag::put};
  std::vector<UniqueFd> files;
  std::vector<std::string> names;

  void add(const InputFile& input, UniqueFd file) {
    message.number<std::uint8_t>(input.read_only).text(input.name.text());
    files.push_back(std::move(file));
    names.push_back(input.name.text());
  }
};

namespace {

constexpr size_t gathered_at_once = 16;
constexpr std::uint64_t largest_gathered = 256 << 10;
constexpr size_t source_piece = 256 << 10;

// False when nobody reads any more.
awaitable<bool> write(asio::local::stream_protocol::socket& to, std::span<const std::byte> bytes) {
  boost::system::error_code error;
  co_await asio::async_write(
      to, asio::buffer(bytes.data(), bytes.size()), asio::redirect_error(asio::use_awaitable, error));
  if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
  co_return !error;
}

}  // namespace

awaitable<UniqueFd> memory_file_of(asio::thread_pool& blocking, const char* name, std::string_view bytes) {
  auto make = [&] { return os::memory_file(name, bytes); };
  if (bytes.size() <= source_piece) co_return make();
  co_return co_await on_pool(blocking, make);
}

awaitable<void> Inputs::place(std::string_view source_name, std::string_view code, std::vector<InputFile>& inputs) {
  const auto source = RelativePath::parse(std::string(source_name));
  CHECK(source.has_value());
  InputFile text(*source, nullptr, code.size(), false);
  UniqueFd file = co_await memory_file_of(blocking_, "code", code);
  Puts first;
  first.add(text, std::move(file));
  co_await send(std::move(first));
  std::erase_if(inputs, [&](const InputFile& input) { return input.name == *source; });
  co_await place(inputs);
}

// Small files are opened and read a few at a time. Of the large ones one is open at a time and is never held whole:
// many runs, each with some open and in want of others, could wait for each other for ever.
awaitable<void> Inputs::place(std::vector<InputFile>& inputs) {
  std::vector<InputFile*> small, large;
  for (InputFile& input : inputs) (input.size <= largest_gathered ? small : large).push_back(&input);
  for (size_t begin = 0; begin < small.size(); begin += gathered_at_once) {
    const size_t count = std::min(gathered_at_once, small.size() - begin);
    std::vector<UniqueFd> files(count);
    std::function<awaitable<void>(size_t)> open = [&](size_t i) -> awaitable<void> {
      const auto body = co_await small[begin + i]->body->open();
      if (body) files[i] = co_await os::file_of(*body);
    };
    co_await for_each_index(count, open);
    Puts puts;
    for (size_t i = 0; i < count; ++i) {
      if (files[i]) puts.add(*small[begin + i], std::move(files[i]));
    }
    co_await send(std::move(puts));
  }
  for (InputFile* input : large) {
    const auto body = co_await input->body->open();
    if (!body) continue;
    if (body->descriptor() < 0) {
      co_await stream(*input, *body);
    } else {
      Puts puts;
      UniqueFd file = co_await os::file_of(*body);
      puts.add(*input, std::move(file));
      co_await send(std::move(puts));
    }
  }
}

awaitable<void> Inputs::send(Puts puts) {
  if (puts.names.empty()) co_return;
  std::ranges::move(puts.names, std::back_inserter(names_));
  co_await channel_.send(puts.message.bytes(), std::move(puts.files));
}

// Through a socket, at the speed at which the agent takes it.
awaitable<void> Inputs::stream(const InputFile& input, ByteSource& body) {
  auto executor = co_await asio::this_coro::executor;
  int ends[2];
  sys("making a stream", [&] { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); });
  UniqueFd theirs(ends[1]);
  asio::local::stream_protocol::socket ours(executor, asio::local::stream_protocol(), ends[0]);
  Puts puts;
  puts.add(input, std::move(theirs));
  co_await send(std::move(puts));
  std::vector<std::byte> buffer(source_piece);
  while (const size_t count = co_await body.read_some(buffer)) {
    const auto taken = co_await until(after(Channel::patience), write(ours, std::span(buffer).first(count)));
    if (!taken) throw Failure(FailureKind::unavailable, "the sandbox does not take its files");
    if (!*taken) co_return;  // there was no room, as its report will say, or the sandbox is gone
  }
}

}  // namespace ci::pool
