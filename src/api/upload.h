#pragma once
// POST /upload and POST /upload/batch: multipart forms, streamed into the store as they arrive. Fields may stand
// before or after the files; what they decide is decided at the end.

#include "api/settings.h"
#include "files/session_files.h"
#include "files/sessions.h"
#include "net/http.h"
#include "net/multipart.h"

namespace ci::api {

class UploadRoutes {
 public:
  UploadRoutes(files::Sessions& sessions, files::SessionFiles& files, const ApiSettings& settings)
      : sessions_(sessions), files_(files), limits_(settings.files) {}

  // All files or none.
  awaitable<net::Response> upload(net::Request& request);
  // Each file for itself; names as sent.
  awaitable<net::Response> batch(net::Request& request);

 private:
  enum class Mode { together, each };
  struct Form;
  struct Entry;
  struct Received;
  class LimitedSource;

  awaitable<Received> receive(net::Request& request, Mode mode);
  awaitable<void> receive_parts(net::Request& request, Mode mode, Received& received);
  awaitable<void> receive_file(
      const net::PartHeader& part, ByteSource& body, const net::Request& request, Mode mode, Received& received);
  awaitable<files::Session> session_for(const Form& form, const net::Request& request, bool& is_new);
  // How many files are on record now.
  awaitable<std::size_t> commit(Received& received, const net::Request& request, Mode mode);
  bool is_allowed(std::string_view name) const;
  std::size_t most_files(Mode mode) const;

  files::Sessions& sessions_;
  files::SessionFiles& files_;
  const files::FileLimits& limits_;
};

}  // namespace ci::api
