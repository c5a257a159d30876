// DCMTK's idea of a connection, on our transport: DCMTK itself neither reads nor writes sockets here.
#pragma once

#include <memory>
#include <optional>

#include "../upper_layer.hpp"
#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmnet/assoc.h"
#include "dcmtk/dcmnet/cond.h"
#include "dcmtk/dcmnet/dcmlayer.h"
#include "dcmtk/dcmnet/dcmtrans.h"

namespace aceso::dimse {

// What one association has on the wire; outlives DCMTK's objects for it.
struct Wire {
  std::shared_ptr<Transport> transport;  // shared with whoever may interrupt it
  std::optional<Error> failure;          // the first that DCMTK saw as "closed"
};

class Connection final : public DcmTransportConnection {
 public:
  Connection(int descriptor, Wire& wire) : DcmTransportConnection{descriptor}, wire_{wire} {}

  OFCondition serverSideHandshake() override { return handshake(); }
  OFCondition clientSideHandshake() override { return handshake(); }
  OFCondition renegotiate(const char*) override { return EC_IllegalCall; }
  ssize_t read(void* out, size_t size) override {
    if (wire_.failure) return -1;
    auto n = wire_.transport->read({static_cast<std::byte*>(out), size});
    if (!n) return fail(std::move(n).error());
    return static_cast<ssize_t>(*n);
  }
  // The head of a P-DATA-TF PDU is kept until its body comes.
  ssize_t write(void* bytes, size_t size) override {
    if (wire_.failure) return -1;
    const std::span<const std::byte> piece{static_cast<const std::byte*>(bytes), size};
    if (size == kDataHead && piece[0] == std::byte{0x04} && head_size_ == 0) {
      std::copy(piece.begin(), piece.end(), head_.begin());
      head_size_ = size;
      return static_cast<ssize_t>(size);
    }
    const auto sent = wire_.transport->write(std::span{head_}.first(head_size_), piece);
    head_size_ = 0;
    if (!sent) return fail(sent.error());
    return static_cast<ssize_t>(size);
  }
  void close() override { wire_.transport->shutdown(); }
  void closeTransportConnection() override { wire_.transport->shutdown(); }
  unsigned long getPeerCertificateLength() override { return 0; }
  unsigned long getPeerCertificate(void*, unsigned long) override { return 0; }
  OFBool networkDataAvailable(int timeout) override {
    return wire_.transport->readable(std::chrono::seconds{std::max(timeout, 0)});
  }
  OFBool isTransparentConnection() override { return OFFalse; }
  OFString& dumpConnectionParameters(OFString& text) override { return text; }

 private:
  static constexpr std::size_t kDataHead = 12;

  OFCondition handshake() {
    if (auto done = wire_.transport->handshake(); !done) {
      wire_.failure = std::move(done).error();
      return makeDcmnetCondition(DULC_TLSERROR, OF_error, "handshake");
    }
    return EC_Normal;
  }
  ssize_t fail(Error why) {
    wire_.failure = std::move(why);
    errno = ECONNRESET;
    return -1;
  }

  Wire& wire_;
  std::array<std::byte, kDataHead> head_{};
  std::size_t head_size_ = 0;
};

// Hands out the one connection of an association, and says when DCMTK has asked for it.
class Layer final : public DcmTransportLayer {
 public:
  Layer(Wire& wire, const TransportMaker& maker, std::function<void()> asked)
      : wire_{wire}, maker_{maker}, asked_{std::move(asked)} {}
  DcmTransportConnection* createConnection(DcmNativeSocketType descriptor, OFBool) override {
    wire_.transport = maker_(descriptor);
    if (asked_) asked_();
    return new Connection{descriptor, wire_};
  }

 private:
  Wire& wire_;
  const TransportMaker& maker_;
  std::function<void()> asked_;
};

}  // namespace aceso::dimse
