// Multipart bodies: the same parts however the bytes are cut, memory bounded.
#include <cstdint>
#include <cstdlib>

#include "aceso/net/multipart.hpp"

namespace {

bool run(std::span<const std::byte> body, std::size_t step, std::string& out) {
  using aceso::Status;
  auto parser = aceso::net::MultipartParser::create("multipart/form-data; boundary=b",
                                                    {.begin = [&](const aceso::net::PartHead& h) -> Status {
                                                       out += "[" + h.name + "|" + h.file_name + "]";
                                                       return {};
                                                     },
                                                     .data = [&](std::span<const std::byte> d) -> Status {
                                                       out.append(reinterpret_cast<const char*>(d.data()), d.size());
                                                       return {};
                                                     },
                                                     .end = [&]() -> Status {
                                                       out += "#";
                                                       return {};
                                                     }});
  for (std::size_t i = 0; i < body.size(); i += step) {
    if (!(*parser)->feed(body.subspan(i, std::min(step, body.size() - i)))) return false;
  }
  return (*parser)->finish().ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = std::as_bytes(std::span{data, size});
  std::string whole;
  std::string bytes;
  const bool a = run(body, size + 1, whole);
  const bool b = run(body, 1, bytes);
  if (a != b || (a && whole != bytes)) std::abort();
  return 0;
}
