// The upper layer on DCMTK's dcmnet: its A-ASSOCIATE and P-DATA handling and its state machine (PS3.8 9.2).
#include "../upper_layer.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "connection.hpp"
#include "dcmtk/dcmnet/dulstruc.h"
#include "dcmtk/oflog/oflog.h"
#include "dcmtk/ofstd/ofstd.h"

namespace aceso::dimse {
namespace {

// PS3.7 D.3.3.2; the same in libs/dicom, which a module for dlopen does not link.
constexpr const char* kImplementationClass = "2.25.46560608044120813212509684129308534584";
constexpr const char* kImplementationVersion = "ACESO_1";
// Waits of DCMTK's own, which end earlier by the transport's deadline.
constexpr int kLongSeconds = 3600;
constexpr std::chrono::seconds kGoodbye{1};

// DCMTK takes a socket that is already open through one variable of the process: whoever holds this may set it, until
// DCMTK has asked for the connection. Starting its state machine writes to static tables too.
std::mutex& handover() {
  static std::mutex mutex;
  return mutex;
}

Roles roles_of(T_ASC_SC_ROLE role) {
  switch (role) {
    case ASC_SC_ROLE_SCU:
      return {true, false, true};
    case ASC_SC_ROLE_SCP:
      return {false, true, true};
    case ASC_SC_ROLE_SCUSCP:
      return {true, true, true};
    case ASC_SC_ROLE_NONE:
      return {false, false, true};
    case ASC_SC_ROLE_DEFAULT:
      break;
  }
  return {};
}

T_ASC_SC_ROLE role_of(const Roles& roles) {
  if (!roles.proposed) return ASC_SC_ROLE_DEFAULT;
  if (roles.scu && roles.scp) return ASC_SC_ROLE_SCUSCP;
  return roles.scp ? ASC_SC_ROLE_SCP : ASC_SC_ROLE_SCU;
}

std::string trimmed(const char* text) {
  std::string_view view{text};
  while (!view.empty() && view.front() == ' ') view.remove_prefix(1);
  while (!view.empty() && view.back() == ' ') view.remove_suffix(1);
  return std::string{view};
}

std::string reason_of(const T_ASC_RejectParameters& rejected) {
  switch (rejected.reason) {
    case ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED:
      return "it does not know our AE title";
    case ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED:
      return "it has another AE title than the one called";
    case ASC_REASON_SU_APPCONTEXTNAMENOTSUPPORTED:
      return "it does not support the DICOM application context";
    case ASC_REASON_SP_ACSE_PROTOCOLVERSIONNOTSUPPORTED:
      return "it does not support the protocol version";
    case ASC_REASON_SP_PRES_TEMPORARYCONGESTION:
    case ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED:
      return "it has too many associations now";
    default:
      return "it gave no reason";
  }
}

class DcmtkLink final : public Link {
 public:
  ~DcmtkLink() override {
    if (association_ != nullptr) ASC_destroyAssociation(&association_);
    if (network_ != nullptr) ASC_dropNetwork(&network_);
  }

  const AssociationRequest& request() const override { return request_; }
  Transport& transport() override { return *wire_.transport; }
  std::size_t max_fragment() const override { return max_fragment_; }

  Status accept(const std::vector<AgreedContext>& contexts) override {
    T_ASC_Parameters* parameters = association_->params;
    for (const auto& context : contexts) {
      const OFCondition done =
          context.result == ContextResult::accepted
              ? ASC_acceptPresentationContext(parameters, context.id, context.transfer_syntax.c_str(),
                                              role_of(context.roles))
              : ASC_refusePresentationContext(parameters, context.id,
                                              static_cast<T_ASC_P_ResultReason>(context.result));
      if (done.bad()) return Error{Code::internal, "a presentation context could not be answered"};
    }
    name_ourselves(*parameters);
    return check(ASC_acknowledgeAssociation(association_));
  }

  Status reject(Rejection why) override {
    const T_ASC_RejectParameters parameters{why.permanent ? ASC_RESULT_REJECTEDPERMANENT : ASC_RESULT_REJECTEDTRANSIENT,
                                            static_cast<T_ASC_RejectParametersSource>(why.source),
                                            static_cast<T_ASC_RejectParametersReason>(why.source << 8 | why.reason)};
    return check(ASC_rejectAssociation(association_, &parameters));
  }

  Result<std::optional<Pdv>> next() override {
    DUL_PDV pdv{};
    OFCondition done = DUL_NextPDV(&association_->DULassociation, &pdv);
    if (done.bad()) {
      // Waits outside of DCMTK: when the wait fails its state machine still can send an A-ABORT.
      ACESO_TRY_OK(wire_.transport->wait_readable());
      done = DUL_ReadPDVs(&association_->DULassociation, nullptr, DUL_BLOCK, 0);
      if (done == DUL_PEERREQUESTEDRELEASE) return std::optional<Pdv>{};
      if (!(done == DUL_PDATAPDUARRIVED)) return failure(done);
      done = DUL_NextPDV(&association_->DULassociation, &pdv);
      if (done.bad()) return failure(done);
    }
    waiting_ = static_cast<const PRIVATE_ASSOCIATIONKEY*>(association_->DULassociation)->pdvIndex != -1;
    return std::optional<Pdv>{Pdv{pdv.presentationContextID,
                                  pdv.pdvType == DUL_COMMANDPDV,
                                  pdv.lastPDV == OFTrue,
                                  {static_cast<const std::byte*>(pdv.data), pdv.fragmentLength}}};
  }
  bool waiting() const override { return waiting_; }

  Status send(const Pdv& pdv) override {
    DUL_PDV out{};
    out.fragmentLength = pdv.bytes.size();
    out.presentationContextID = pdv.context;
    out.pdvType = pdv.command ? DUL_COMMANDPDV : DUL_DATASETPDV;
    out.lastPDV = pdv.last;
    out.data = const_cast<std::byte*>(pdv.bytes.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): only read
    DUL_PDVLIST list{};
    list.count = 1;
    list.pdv = &out;
    return check(DUL_WritePDVs(&association_->DULassociation, &list));
  }

  Status confirm_release() override { return check(ASC_acknowledgeRelease(association_)); }
  Status release() override { return check(ASC_releaseAssociation(association_)); }
  // DCMTK waits for the peer to close after it.
  void abort() override {
    wire_.transport->set_deadline(std::min(wire_.transport->deadline(), Transport::Clock::now() + kGoodbye));
    ASC_abortAssociation(association_);
  }

  Status receive(int descriptor, const TransportMaker& maker, std::size_t max_pdu);
  Result<std::vector<AgreedContext>> connect(const std::string& address, std::uint16_t port,
                                             const AssociationRequest& request, const TransportMaker& maker,
                                             std::size_t max_pdu, std::chrono::milliseconds timeout);

 private:
  Status check(const OFCondition& done) {
    if (done.good()) return {};
    return failure(done);
  }

  Error failure(const OFCondition& why) {
    if (wire_.failure) return *wire_.failure;
    if (why == DUL_PEERABORTEDASSOCIATION) return {Code::cancelled, "the peer aborted the association"};
    if (why == DUL_NETWORKCLOSED) return {Code::unavailable, "the peer closed the connection"};
    if (why == DUL_READTIMEOUT) return {Code::timeout, "the peer was silent for too long"};
    if (why == DUL_PEERREQUESTEDRELEASE) return {Code::cancelled, "the peer released the association"};
    if (association_ != nullptr && association_->DULassociation != nullptr) abort();
    return {Code::invalid, "the peer broke the upper layer protocol"};
  }

  void name_ourselves(T_ASC_Parameters& parameters) {
    const auto set = [](char* out, std::size_t size, const char* text) { OFStandard::strlcpy(out, text, size); };
    auto& dul = parameters.DULparams;
    set(parameters.ourImplementationClassUID, sizeof parameters.ourImplementationClassUID, kImplementationClass);
    set(parameters.ourImplementationVersionName, sizeof parameters.ourImplementationVersionName,
        kImplementationVersion);
    set(dul.callingImplementationClassUID, sizeof dul.callingImplementationClassUID, kImplementationClass);
    set(dul.callingImplementationVersionName, sizeof dul.callingImplementationVersionName, kImplementationVersion);
    set(dul.calledImplementationClassUID, sizeof dul.calledImplementationClassUID, kImplementationClass);
    set(dul.calledImplementationVersionName, sizeof dul.calledImplementationVersionName, kImplementationVersion);
  }

  Status learn_limits() {
    std::size_t peer = association_->params->DULparams.peerMaxPDU;
    if (peer == 0 || peer > kMaxPdu) peer = kMaxPdu;  // 0: the peer takes any length (PS3.8 D.1)
    if (peer < 14) {
      abort();
      return Error{Code::invalid, "the peer takes no PDU that could carry data"};
    }
    max_fragment_ = (peer - 12) & ~std::size_t{1};
    return {};
  }

  void learn_request() {
    const auto& dul = association_->params->DULparams;
    request_.calling_ae = trimmed(dul.callingAPTitle);
    request_.called_ae = trimmed(dul.calledAPTitle);
    request_.application_context = dul.applicationContextName;
    request_.implementation_version = trimmed(dul.callingImplementationVersionName);
    const int count = ASC_countPresentationContexts(association_->params);
    for (int i = 0; i < count; ++i) {
      T_ASC_PresentationContext context;
      if (ASC_getPresentationContext(association_->params, i, &context).bad()) continue;
      ProposedContext& proposed = request_.contexts.emplace_back();
      proposed.id = context.presentationContextID;
      proposed.abstract_syntax = context.abstractSyntax;
      proposed.roles = roles_of(context.proposedRole);
      for (unsigned t = 0; t < context.transferSyntaxCount; ++t) {
        proposed.transfer_syntaxes.emplace_back(context.proposedTransferSyntaxes[t]);
      }
    }
  }

  Wire wire_;
  T_ASC_Network* network_ = nullptr;
  T_ASC_Association* association_ = nullptr;
  AssociationRequest request_;
  std::size_t max_fragment_ = 0;
  bool waiting_ = false;
};

Status DcmtkLink::receive(int descriptor, const TransportMaker& maker, std::size_t max_pdu) {
  std::unique_lock lock{handover()};
  bool asked = false;
  Layer layer{wire_, maker, [&] {
                asked = true;
                dcmExternalSocketHandle.set(-1);
                lock.unlock();
              }};
  dcmExternalSocketHandle.set(descriptor);  // also keeps the next line from opening a port of its own
  OFCondition done = ASC_initializeNetwork(NET_ACCEPTOR, 0, kLongSeconds, &network_);
  if (done.good()) done = ASC_setTransportLayer(network_, &layer, 0);
  if (done.good()) {
    done = ASC_receiveAssociation(network_, &association_, static_cast<long>(max_pdu), nullptr, nullptr, OFFalse,
                                  DUL_BLOCK, 0);
  }
  if (!asked) {
    dcmExternalSocketHandle.set(-1);
    lock.unlock();
    ::close(descriptor);
    return Error{Code::unavailable, "the connection broke before it was used"};
  }
  if (done.bad()) {
    if (done == DUL_UNSUPPORTEDPEERPROTOCOL) return Error{Code::invalid, "the peer speaks another protocol version"};
    return failure(done);
  }
  learn_request();
  return learn_limits();
}

Result<std::vector<AgreedContext>> DcmtkLink::connect(const std::string& address, std::uint16_t port,
                                                      const AssociationRequest& request, const TransportMaker& maker,
                                                      std::size_t max_pdu, std::chrono::milliseconds timeout) {
  request_ = request;
  Layer layer{wire_, maker, {}};
  const auto seconds =
      static_cast<int>(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(timeout).count()));
  {
    const std::lock_guard lock{handover()};
    dcmConnectionTimeout.set(seconds);
    if (ASC_initializeNetwork(NET_REQUESTOR, 0, seconds, &network_).bad()) {
      return Error{Code::internal, "DCMTK's network part could not be started"};
    }
  }
  ASC_setTransportLayer(network_, &layer, 0);
  T_ASC_Parameters* parameters = nullptr;
  ASC_createAssociationParameters(&parameters, static_cast<long>(max_pdu));
  name_ourselves(*parameters);
  ASC_setAPTitles(parameters, request.calling_ae.c_str(), request.called_ae.c_str(), nullptr);
  ASC_setPresentationAddresses(parameters, "", (address + ":" + std::to_string(port)).c_str());
  bool proposable = true;
  for (const auto& context : request.contexts) {
    std::vector<const char*> syntaxes;
    syntaxes.reserve(context.transfer_syntaxes.size());
    for (const auto& syntax : context.transfer_syntaxes) syntaxes.push_back(syntax.c_str());
    proposable = proposable &&
                 ASC_addPresentationContext(parameters, context.id, context.abstract_syntax.c_str(), syntaxes.data(),
                                            static_cast<int>(syntaxes.size()), role_of(context.roles))
                     .good();
  }
  if (!proposable) {
    ASC_destroyAssociationParameters(&parameters);
    return Error{Code::invalid, "a presentation context cannot be proposed"};
  }
  const OFCondition done =
      ASC_requestAssociation(network_, parameters, &association_, nullptr, nullptr, DUL_NOBLOCK, seconds);
  if (done.bad()) {
    std::optional<Error> why;
    if (done == DUL_ASSOCIATIONREJECTED) {
      T_ASC_RejectParameters rejected{};
      ASC_getRejectParameters(parameters, &rejected);
      why = Error{Code::denied, "the peer rejected the association: " + reason_of(rejected)};
    } else if (!wire_.transport) {
      why = Error{Code::unavailable, "nothing answers at the peer's address"};
    } else {
      why = failure(done);
    }
    if (association_ == nullptr) ASC_destroyAssociationParameters(&parameters);
    return *std::move(why);
  }
  ACESO_TRY_OK(learn_limits());
  std::vector<AgreedContext> agreed;
  const int count = ASC_countPresentationContexts(parameters);
  for (int i = 0; i < count; ++i) {
    T_ASC_PresentationContext context;
    if (ASC_getPresentationContext(parameters, i, &context).bad()) continue;
    const auto result = context.resultReason == ASC_P_NOTYETNEGOTIATED
                            ? ContextResult::no_reason
                            : static_cast<ContextResult>(context.resultReason);
    agreed.push_back({context.presentationContextID, context.abstractSyntax, context.acceptedTransferSyntax,
                      roles_of(context.acceptedRole), result});
  }
  return agreed;
}

class DcmtkUpperLayer final : public UpperLayer {
 public:
  Result<std::unique_ptr<Link>> receive(int descriptor, const TransportMaker& maker, std::size_t max_pdu) override {
    auto link = std::make_unique<DcmtkLink>();
    ACESO_TRY_OK(link->receive(descriptor, maker, max_pdu));
    return std::unique_ptr<Link>{std::move(link)};
  }
  Result<Requested> connect(const std::string& address, std::uint16_t port, const AssociationRequest& request,
                            const TransportMaker& maker, std::size_t max_pdu,
                            std::chrono::milliseconds timeout) override {
    auto link = std::make_unique<DcmtkLink>();
    ACESO_TRY(auto contexts, link->connect(address, port, request, maker, max_pdu, timeout));
    return Requested{std::move(link), std::move(contexts)};
  }
};

}  // namespace
}  // namespace aceso::dimse

extern "C" __attribute__((visibility("default"))) aceso::dimse::UpperLayer* aceso_upper_layer_create(
    std::uint32_t abi) {
  if (abi != aceso::dimse::kUpperLayerAbi) return nullptr;
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);  // its lines would hold UIDs
  dcmDisableGethostbyaddr.set(OFTrue);
  return new aceso::dimse::DcmtkUpperLayer;
}
