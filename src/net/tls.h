#pragma once
// The server's side of TLS: certificate and key.

#include <boost/asio/ssl/context.hpp>

#include "net/server.h"

namespace ci::net {

// TLS 1.2 and newer, HTTP/1.1 by ALPN. Fails with the file's name when a file is missing, broken, or the key
// does not belong to the certificate. A `ca_file` completes our own chain; clients need no certificate.
asio::ssl::context open_tls_context(const ServerSettings& settings);

}  // namespace ci::net
