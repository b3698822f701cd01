#pragma once
// Which of several forms of an answer a client wants: https://www.rfc-editor.org/rfc/rfc9110#name-accept.

#include <string_view>

namespace ci::api {

// How much a header "Accept" wants `type` ("text/plain"), 0 to 1. Without a header all is welcome.
double wanted(std::string_view accept, std::string_view type);

}  // namespace ci::api
