// Reads a text/event-stream (WHATWG HTML 9.2.6) piece by piece.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"

namespace aceso::net {

class EventReader {
 public:
  using OnEvent = std::function<bool(std::string_view event, std::string_view data)>;
  // False: on_event wants no more. Errors: too_large for an event beyond 1 MiB.
  Result<bool> feed(std::string_view piece, const OnEvent& on_event);

 private:
  Result<bool> line(const OnEvent& on_event);

  std::string line_;
  std::string event_;
  std::string data_;
  bool has_data_ = false;
  bool after_cr_ = false;
};

}  // namespace aceso::net
