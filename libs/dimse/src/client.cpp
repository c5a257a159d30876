#include "aceso/dimse/client.hpp"

#include <algorithm>
#include <array>
#include <mutex>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/parse.hpp"
#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "call.hpp"
#include "identifier.hpp"
#include "sop.hpp"

namespace aceso::dimse {
namespace {

using contracts::ObjectQuery;

constexpr dicom::Tag kScheduledSteps{0x0040, 0x0100};

// Storage classes for C-GET where the caller names none: what hospitals have, within the 128 contexts of one request.
constexpr std::array<std::string_view, 58> kUsualClasses{
    "1.2.840.10008.5.1.4.1.1.2",        "1.2.840.10008.5.1.4.1.1.2.1",    "1.2.840.10008.5.1.4.1.1.2.2",
    "1.2.840.10008.5.1.4.1.1.4",        "1.2.840.10008.5.1.4.1.1.4.1",    "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.1",        "1.2.840.10008.5.1.4.1.1.1.1",    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2",      "1.2.840.10008.5.1.4.1.1.1.2.1",  "1.2.840.10008.5.1.4.1.1.1.3",
    "1.2.840.10008.5.1.4.1.1.13.1.3",   "1.2.840.10008.5.1.4.1.1.13.1.1", "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.3.1",      "1.2.840.10008.5.1.4.1.1.6.2",    "1.2.840.10008.5.1.4.1.1.12.1",
    "1.2.840.10008.5.1.4.1.1.12.1.1",   "1.2.840.10008.5.1.4.1.1.12.2",   "1.2.840.10008.5.1.4.1.1.12.2.1",
    "1.2.840.10008.5.1.4.1.1.20",       "1.2.840.10008.5.1.4.1.1.128",    "1.2.840.10008.5.1.4.1.1.130",
    "1.2.840.10008.5.1.4.1.1.7",        "1.2.840.10008.5.1.4.1.1.7.1",    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",      "1.2.840.10008.5.1.4.1.1.7.4",    "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.22",    "1.2.840.10008.5.1.4.1.1.88.33",  "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.88.50",    "1.2.840.10008.5.1.4.1.1.88.59",  "1.2.840.10008.5.1.4.1.1.88.65",
    "1.2.840.10008.5.1.4.1.1.88.67",    "1.2.840.10008.5.1.4.1.1.11.1",   "1.2.840.10008.5.1.4.1.1.11.2",
    "1.2.840.10008.5.1.4.1.1.66",       "1.2.840.10008.5.1.4.1.1.66.1",   "1.2.840.10008.5.1.4.1.1.66.2",
    "1.2.840.10008.5.1.4.1.1.66.4",     "1.2.840.10008.5.1.4.1.1.66.5",   "1.2.840.10008.5.1.4.1.1.66.7",
    "1.2.840.10008.5.1.4.1.1.30",       "1.2.840.10008.5.1.4.1.1.104.1",  "1.2.840.10008.5.1.4.1.1.104.2",
    "1.2.840.10008.5.1.4.1.1.481.1",    "1.2.840.10008.5.1.4.1.1.481.2",  "1.2.840.10008.5.1.4.1.1.481.3",
    "1.2.840.10008.5.1.4.1.1.481.5",    "1.2.840.10008.5.1.4.1.1.481.8",  "1.2.840.10008.5.1.4.1.1.77.1.4",
    "1.2.840.10008.5.1.4.1.1.77.1.5.1", "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.9.1.1",
    "1.2.840.10008.5.1.4.1.1.9.1.2"};

std::vector<std::string> plain_syntaxes() {
  return {std::string{dicom::kExplicitLittle}, std::string{dicom::kImplicitLittle}};
}

// A peer chooses one syntax a context: uncompressed and compressed objects of a class need one each.
std::vector<std::string> compressed_syntaxes() {
  std::vector<std::string> out;
  for (const auto& syntax : dicom::transfer_syntaxes()) {
    if (syntax.encapsulated && out.size() < 40) out.emplace_back(syntax.uid);
  }
  return out;
}

using Keys = std::vector<contracts::QueryKey>;

bool is_ascii(const Keys& keys) {
  return std::ranges::all_of(keys, [](const contracts::QueryKey& key) {
    return std::ranges::all_of(key.value.reveal(Reveal::to_authorised_user), [](char c) { return c > 0; });
  });
}

void add_keys(dicom::Dataset& data, const Keys& keys) {
  for (const auto& key : keys) {
    const dicom::Tag tag{static_cast<std::uint16_t>(key.tag >> 16), static_cast<std::uint16_t>(key.tag)};
    const auto* known = dicom::find_attribute(tag);
    set_value(data, tag, known == nullptr ? dicom::Vr::lo : known->vr, key.value.reveal(Reveal::to_authorised_user));
  }
}

dicom::Dataset identifier_of(const ObjectQuery& query) {
  dicom::Dataset data;
  if (!is_ascii(query.keys)) data.set_charset(dicom::CharacterSet::utf8());
  data.set_text(kQueryRetrieveLevel, dicom::Vr::cs, contracts::to_string(query.level));
  add_keys(data, query.keys);
  return data;
}

contracts::ObjectRow row_of(const dicom::Dataset& data) {
  contracts::ObjectRow row;
  for (const auto& element : data.elements()) {
    if (!element.is_sequence() && element.tag() != kSpecificCharacterSet) {
      row.push_back({element.tag().value(), Phi<std::string>{joined_text(data, element)}});
    }
  }
  return row;
}

Error refused(const Command& answer, std::string_view what) {
  const auto words = meaning(answer.status);
  std::array<char, 8> hex{};
  std::snprintf(hex.data(), hex.size(), "%04X", answer.status);
  std::string message = std::string{what} + ": the peer answered " + hex.data();
  if (!words.empty()) message += " (" + std::string{words} + ")";
  return {code_of(answer.status), std::move(message)};
}

Progress progress_of(const Command& command) {
  Progress progress;
  if (!command.sub_operations) return progress;
  const auto& counts = *command.sub_operations;
  progress.completed = counts.completed;
  progress.failed = counts.failed;
  progress.warning = counts.warning;
  if (is_pending(command.status)) progress.remaining = counts.remaining;
  return progress;
}

std::string_view model_of(InformationModel model, std::string_view patient_root, std::string_view study_root) {
  return model == InformationModel::patient_root ? patient_root : study_root;
}

}  // namespace

struct Client::Impl {
  Result<std::unique_ptr<Association>> open(std::span<const Proposal> proposals) {
    if (options.stop.stop_requested()) return Error{Code::cancelled, "stopped"};
    return call(*upper,
                {.calling_ae = options.calling_ae,
                 .node = options.node,
                 .tls = options.tls,
                 .patience = {options.answer, options.message},
                 .max_pdu = options.max_pdu,
                 .connect = options.connect,
                 .opened =
                     [this](const std::shared_ptr<Transport>& transport) {
                       {
                         const std::lock_guard lock{mutex};
                         current = transport;
                       }
                       if (options.stop.stop_requested()) transport->interrupt();
                     }},
                proposals);
  }
  // Ends an association that was used up to its answer.
  static void close(Association& association) {
    if (association.usable()) (void)association.link().release();
  }
  Status cancel(Association& association, const AgreedContext& context, const Command& request) {
    Command cancel_request;
    cancel_request.field = static_cast<std::uint16_t>(Verb::c_cancel);
    cancel_request.message_id = request.message_id;
    return association.send(context.id, cancel_request);
  }
  Status find(const std::string& uid, const dicom::Dataset& keys,
              const std::function<bool(const dicom::Dataset&)>& match);
  Result<Progress> retrieve(Association& association, const AgreedContext& context, const Command& request,
                            const ObjectQuery& keys, contracts::ObjectSink* sink, const contracts::ObjectPeer* as,
                            const std::function<bool(const Progress&)>& progress);

  ClientOptions options;
  std::shared_ptr<UpperLayer> upper;  // shared with every association
  std::mutex mutex;
  std::weak_ptr<Transport> current;
  std::optional<std::stop_callback<std::function<void()>>> stopper;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::create(ClientOptions options) {
  auto impl = std::make_unique<Impl>();
  if (options.max_pdu < kMinPdu || options.max_pdu > kMaxPdu) {
    return Error{Code::invalid, "the longest PDU must have 4096 to 131072 bytes"};
  }
  ACESO_TRY(impl->upper, load_upper_layer(options.modules));
  impl->options = std::move(options);
  impl->stopper.emplace(impl->options.stop, [i = impl.get()] {
    const std::lock_guard lock{i->mutex};
    if (const auto transport = i->current.lock()) transport->interrupt();
  });
  return std::unique_ptr<Client>{new Client{std::move(impl)}};  // NOLINT(modernize-make-unique): private constructor
}

Result<std::chrono::microseconds> Client::echo() {
  const std::array<Proposal, 1> proposals{{{std::string{sop::kVerification}, plain_syntaxes(), {}}}};
  ACESO_TRY(const auto association, impl_->open(proposals));
  const auto* context = association->find_context(sop::kVerification);
  if (context == nullptr) return Error{Code::unsupported, "the peer does not offer verification"};
  const auto began = std::chrono::steady_clock::now();
  ACESO_TRY_OK(association->send(
      context->id, request_of(Verb::c_echo, association->next_message_id(), std::string{sop::kVerification})));
  ACESO_TRY(const auto answer, association->receive());
  if (!answer) return Error{Code::cancelled, "the peer released the association instead of answering"};
  const auto took = std::chrono::steady_clock::now() - began;
  Impl::close(*association);
  if (answer->command.status != kSuccess) return refused(answer->command, "echo");
  return std::chrono::duration_cast<std::chrono::microseconds>(took);
}

Status Client::store(std::span<const contracts::StoredObject> objects,
                     const std::function<Result<std::unique_ptr<contracts::ObjectBytes>>(std::size_t index)>& next,
                     const std::function<void(const Stored&)>& done) {
  for (std::size_t index = 0; index < objects.size();) {
    std::size_t covered = 0;
    const auto proposals = proposals_for(objects.subspan(index), covered);
    ACESO_TRY(const auto association, impl_->open(proposals));
    for (const std::size_t end = index + covered; index < end; ++index) {
      if (impl_->options.stop.stop_requested()) {
        association->link().abort();
        return Error{Code::cancelled, "stopped"};
      }
      const auto bytes = next(index);
      StatusCode status = kProcessingFailure;
      if (bytes) {
        ACESO_TRY(status, send_object(*association, **bytes, 0, {}, {}));
      }
      done({index, status});
    }
    Impl::close(*association);
  }
  return {};
}

Status Client::Impl::find(const std::string& uid, const dicom::Dataset& keys,
                          const std::function<bool(const dicom::Dataset&)>& match) {
  const std::array<Proposal, 1> proposals{{{uid, plain_syntaxes(), {}}}};
  ACESO_TRY(const auto association, open(proposals));
  const auto* context = association->find_context(uid);
  if (context == nullptr) return Error{Code::unsupported, "the peer does not offer this query"};
  ACESO_TRY(const auto identifier, dicom::write_dataset(keys, context->transfer_syntax));
  const Command request = request_of(Verb::c_find, association->next_message_id(), uid);
  ACESO_TRY_OK(association->send(context->id, request, identifier));
  bool wanted = true;
  for (;;) {
    ACESO_TRY(const auto answer, association->receive());
    if (!answer) return Error{Code::cancelled, "the peer released the association instead of answering"};
    std::vector<std::byte> bytes;
    if (answer->command.has_data_set) {
      ACESO_TRY(bytes, association->receive_data_set(kMaxIdentifier));
    }
    if (!is_pending(answer->command.status)) {
      close(*association);
      if (answer->command.status == kSuccess || (!wanted && answer->command.status == kCancelled)) return {};
      return refused(answer->command, "find");
    }
    if (!wanted) continue;
    const auto parsed = dicom::parse_dataset(bytes, context->transfer_syntax);
    if (!parsed) {
      association->link().abort();
      return Error{Code::invalid, "the peer sent a damaged match"};
    }
    wanted = match(parsed->dataset);
    if (!wanted) ACESO_TRY_OK(cancel(*association, *context, request));
  }
}

Status Client::find(InformationModel model, const ObjectQuery& query,
                    const std::function<bool(const contracts::ObjectRow&)>& match) {
  return impl_->find(std::string{model_of(model, sop::kPatientRootFind, sop::kStudyRootFind)}, identifier_of(query),
                     [&](const dicom::Dataset& data) { return match(row_of(data)); });
}

Status Client::worklist(const std::vector<contracts::QueryKey>& keys, const std::vector<contracts::QueryKey>& step_keys,
                        const std::function<bool(const contracts::WorklistItem&)>& match) {
  dicom::Dataset data;
  dicom::Dataset step;
  if (!is_ascii(keys) || !is_ascii(step_keys)) data.set_charset(dicom::CharacterSet::utf8());
  step.set_charset(data.charset());
  add_keys(data, keys);
  add_keys(step, step_keys);
  step.erase(kSpecificCharacterSet);
  data.set_items(kScheduledSteps, {std::move(step)});
  return impl_->find(std::string{sop::kWorklistFind}, data, [&](const dicom::Dataset& answer) {
    contracts::WorklistItem item{.attributes = row_of(answer)};
    if (const auto steps = answer.items(kScheduledSteps); !steps.empty()) item.step = row_of(steps[0]);
    return match(item);
  });
}

Result<Progress> Client::Impl::retrieve(Association& association, const AgreedContext& context, const Command& request,
                                        const ObjectQuery& keys, contracts::ObjectSink* sink,
                                        const contracts::ObjectPeer* as,
                                        const std::function<bool(const Progress&)>& progress) {
  ACESO_TRY(const auto identifier, dicom::write_dataset(identifier_of(keys), context.transfer_syntax));
  ACESO_TRY_OK(association.send(context.id, request, identifier));
  bool wanted = true;
  for (;;) {
    ACESO_TRY(const auto message, association.receive());
    if (!message) return Error{Code::cancelled, "the peer released the association instead of answering"};
    const Command& command = message->command;
    if (command.field == static_cast<std::uint16_t>(Verb::c_store) && command.has_data_set && sink != nullptr) {
      ACESO_TRY(const auto received, receive_object(association, *message, *sink, *as));
      ACESO_TRY_OK(association.send(message->context, response_to(command, received.status)));
      continue;
    }
    if (command.has_data_set) {
      ACESO_TRY(const auto ignored, association.receive_data_set(kMaxIdentifier));
      (void)ignored;
    }
    if (command.field != (request.field | kResponse)) {
      association.link().abort();
      return Error{Code::invalid, "the peer answered something else"};
    }
    const Progress now = progress_of(command);
    if (is_pending(command.status)) {
      if (wanted && progress && !progress(now)) {
        wanted = false;
        ACESO_TRY_OK(cancel(association, context, request));
      }
      continue;
    }
    close(association);
    const bool some_failed = command.status == kSubOperationsWarning || command.status == kCannotPerformSubOperations;
    if (command.status == kSuccess || some_failed || (!wanted && command.status == kCancelled)) return now;
    return refused(command, "retrieve");
  }
}

Result<Progress> Client::move(InformationModel model, const ObjectQuery& keys, const std::string& destination_ae,
                              const std::function<bool(const Progress&)>& progress) {
  if (!is_valid_ae_title(destination_ae)) return Error{Code::invalid, "an AE title has 1 to 16 characters"};
  const std::string uid{model_of(model, sop::kPatientRootMove, sop::kStudyRootMove)};
  const std::array<Proposal, 1> proposals{{{uid, plain_syntaxes(), {}}}};
  ACESO_TRY(const auto association, impl_->open(proposals));
  const auto* context = association->find_context(uid);
  if (context == nullptr) return Error{Code::unsupported, "the peer does not offer C-MOVE"};
  Command request = request_of(Verb::c_move, association->next_message_id(), uid);
  request.move_destination = destination_ae;
  return impl_->retrieve(*association, *context, request, keys, nullptr, nullptr, progress);
}

Result<Progress> Client::get(InformationModel model, const ObjectQuery& keys, std::span<const std::string> sop_classes,
                             contracts::ObjectSink& sink, const contracts::ObjectPeer& as,
                             const std::function<bool(const Progress&)>& progress) {
  const std::string uid{model_of(model, sop::kPatientRootGet, sop::kStudyRootGet)};
  std::vector<std::string> classes{sop_classes.begin(), sop_classes.end()};
  if (classes.empty()) classes.assign(kUsualClasses.begin(), kUsualClasses.end());
  std::vector<Proposal> proposals{{uid, plain_syntaxes(), {}}};
  const Roles roles{.scu = false, .scp = true, .proposed = true};
  for (const auto& storage : classes) {
    proposals.push_back({storage, plain_syntaxes(), roles});
    proposals.push_back({storage, compressed_syntaxes(), roles});
  }
  ACESO_TRY(const auto association, impl_->open(proposals));
  const auto* context = association->find_context(uid);
  if (context == nullptr) return Error{Code::unsupported, "the peer does not offer C-GET"};
  return impl_->retrieve(*association, *context, request_of(Verb::c_get, association->next_message_id(), uid), keys,
                         &sink, &as, progress);
}

}  // namespace aceso::dimse
