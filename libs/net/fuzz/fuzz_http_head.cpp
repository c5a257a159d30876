// Request heads. What our reader takes, Boost.Beast must read alike: same method, same number of fields.
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdlib>

#include "../src/head.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso::net;
  const std::string text{reinterpret_cast<const char*>(data), size};
  std::size_t searched = 0;
  const std::size_t end = find_head_end(text, searched);
  if (end == 0) return 0;
  RequestHead head;
  if (parse_request_head(std::string_view{text}.substr(0, end), HeadLimits{}, head)) return 0;
  if (head.path.find("..") != std::string::npos && head.path.find("/../") != std::string::npos) std::abort();
  if (head.chunked && head.content_length) std::abort();
  boost::beast::http::request_parser<boost::beast::http::empty_body> beast;
  beast.header_limit(1 << 20);
  boost::system::error_code error;
  beast.put(boost::asio::buffer(text.data(), end), error);
  if (!beast.is_header_done() && error != boost::beast::http::error::bad_target) std::abort();
  if (beast.is_header_done()) {
    if (beast.get().method_string() !=
        boost::beast::string_view{to_string(head.method).data(), to_string(head.method).size()})
      std::abort();
    std::size_t fields = 0;
    for (const auto& f : beast.get())
      if (!f.name_string().empty()) ++fields;
    if (fields != head.headers.all().size()) std::abort();
  }
  return 0;
}
