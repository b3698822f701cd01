#pragma once
// Listing, describing, deleting and downloading the files of sessions.

#include "api/settings.h"
#include "files/session_files.h"
#include "files/sessions.h"
#include "net/http.h"

namespace ci::api {

class FileRoutes {
 public:
  FileRoutes(files::Sessions& sessions, files::SessionFiles& files, const ApiSettings& settings)
      : sessions_(sessions), files_(files), settings_(settings) {}

  awaitable<net::Response> list(net::Request& request);            // GET /files/{session}
  awaitable<net::Response> remove(net::Request& request);          // DELETE /files/{session}/{file}
  awaitable<net::Response> describe(net::Request& request);        // GET /sessions/{session}/objects/{file}
  awaitable<net::Response> download(net::Request& request);        // GET /download/{session}/{file}
  awaitable<net::Response> allow_download(net::Request& request);  // OPTIONS of the same

 private:
  // Whether the request's caller may know of this session's files: always, unless ownership is strict.
  bool may_see(const net::Request& request, const std::optional<files::Session>& session) const;
  awaitable<net::Response> list_files(const net::Request& request);
  // The file that the path names; throws 404.
  awaitable<files::FileRecord> find(const net::Request& request);

  files::Sessions& sessions_;
  files::SessionFiles& files_;
  const ApiSettings& settings_;
};

}  // namespace ci::api
