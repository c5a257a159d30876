#include "aceso/learn/flip_average.hpp"

#include "batches.hpp"

namespace aceso::learn {
namespace {

class FlipAverage final : public InferenceSession {
 public:
  FlipAverage(std::unique_ptr<InferenceSession> session, std::string input)
      : session_{std::move(session)}, input_{std::move(input)} {}

  Result<NamedArrays> run(const NamedArrays& batch) override {
    ACESO_TRY(NamedArrays outputs, session_->run(batch));
    NamedArrays turned = batch;
    const auto image = turned.find(input_);
    if (image == turned.end() || image->second.dtype != DType::f32 || image->second.shape.size() < 3)
      return Error{Code::invalid, "the batch lacks the image \"" + input_ + "\""};
    mirror(image->second);
    ACESO_TRY(NamedArrays others, session_->run(turned));
    for (auto& [name, array] : outputs) {
      const auto other = others.find(name);
      if (array.dtype != DType::f32 || other == others.end() || other->second.shape != array.shape)
        return Error{Code::internal, "the engine's outputs for an image and its mirror image differ in shape"};
      if (name == "output" && array.shape.size() > 2) mirror(other->second);  // a mask turns with its image
      for (std::size_t i = 0; i < array.f32().size(); ++i)
        array.f32()[i] = 0.5F * (array.f32()[i] + other->second.f32()[i]);
    }
    return outputs;
  }

 private:
  std::unique_ptr<InferenceSession> session_;
  std::string input_;
};

}  // namespace

std::unique_ptr<InferenceSession> with_flip_average(std::unique_ptr<InferenceSession> session,
                                                    const ModelSignature& signature) {
  if (!signature.preprocessing.flip_average || signature.inputs.empty()) return session;
  return std::make_unique<FlipAverage>(std::move(session), signature.inputs.front().name);
}

}  // namespace aceso::learn
