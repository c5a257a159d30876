#include "session.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <vector>

namespace aceso::learn_openvino {

using learn::Array;
using learn::DType;
using learn::NamedArrays;
using learn::Shape;
using learn::to_string;

namespace {

std::optional<DType> dtype_of(const ov::element::Type& type) {
  static constexpr std::pair<ov::element::Type_t, DType> kPairs[] = {
      {ov::element::u8, DType::u8},   {ov::element::i8, DType::i8},   {ov::element::u16, DType::u16},
      {ov::element::i16, DType::i16}, {ov::element::i32, DType::i32}, {ov::element::i64, DType::i64},
      {ov::element::f32, DType::f32}, {ov::element::f64, DType::f64}, {ov::element::boolean, DType::boolean}};
  for (const auto& [theirs, ours] : kPairs) {
    if (type == theirs) return ours;
  }
  return std::nullopt;
}

struct Port {
  std::string name;
  DType dtype = DType::f32;
  ov::element::Type type;
  ov::PartialShape shape;
};

Result<Port> port_of(const ov::Output<const ov::Node>& output, std::string name) {
  const auto dtype = dtype_of(output.get_element_type());
  if (!dtype)
    return Error{Code::unsupported,
                 "\"" + name + "\" has the number type " + output.get_element_type().get_type_name()};
  return Port{std::move(name), *dtype, output.get_element_type(), output.get_partial_shape()};
}

std::string name_of(const ov::Output<const ov::Node>& output) {
  return output.get_names().empty() ? output.get_node()->get_friendly_name() : output.get_any_name();
}

// As many infer requests as can run at once; further callers wait for one.
class Session final : public learn::InferenceSession {
 public:
  Session(std::shared_ptr<ov::Core> core, ov::CompiledModel model, std::vector<Port> inputs, std::vector<Port> outputs)
      : core_{std::move(core)}, model_{std::move(model)}, inputs_{std::move(inputs)}, outputs_{std::move(outputs)} {
    const std::uint32_t most = std::clamp(model_.get_property(ov::optimal_number_of_infer_requests), 1U, 64U);
    for (std::uint32_t i = 0; i < most; ++i) idle_.push_back(model_.create_infer_request());
    const auto one = [](const Port& port) {
      return port.shape.rank().is_static() && port.shape.size() > 0 && port.shape[0].is_static() &&
             port.shape[0].get_length() == 1;
    };
    takes_one_ = !inputs_.empty() && std::all_of(inputs_.begin(), inputs_.end(), one);
  }

  Result<NamedArrays> run(const NamedArrays& batch) override {
    if (takes_one_ && !batch.empty() && !batch.begin()->second.shape.empty() && batch.begin()->second.shape[0] > 1)
      return run_one_by_one(batch);
    ACESO_TRY_OK(check(batch));
    return fenced(Code::internal, "prediction", [&]() -> Result<NamedArrays> {
      Lease lease{*this};
      ov::InferRequest& request = lease.request;
      for (std::size_t i = 0; i < inputs_.size(); ++i) {
        const Array& array = batch.find(inputs_[i].name)->second;
        // Inputs are only read; ov::Tensor has no const view that a request takes.
        void* data = const_cast<std::byte*>(array.data.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
        request.set_input_tensor(i, ov::Tensor{inputs_[i].type, {array.shape.begin(), array.shape.end()}, data});
      }
      request.infer();
      NamedArrays results;
      for (std::size_t i = 0; i < outputs_.size(); ++i) {
        const ov::Tensor tensor = request.get_output_tensor(i);
        const ov::Shape shape = tensor.get_shape();
        Array array = Array::zeros(outputs_[i].dtype, Shape{shape.begin(), shape.end()});
        std::memcpy(array.data.data(), tensor.data(), array.data.size());
        results.emplace(outputs_[i].name, std::move(array));
      }
      return results;
    });
  }

 private:
  struct Lease {
    explicit Lease(Session& owner) : session{owner} {
      std::unique_lock lock{session.mutex_};
      session.freed_.wait(lock, [this] { return !session.idle_.empty(); });
      request = std::move(session.idle_.back());
      session.idle_.pop_back();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
      {
        const std::lock_guard lock{session.mutex_};
        session.idle_.push_back(std::move(request));
      }
      session.freed_.notify_one();
    }
    Session& session;
    ov::InferRequest request;
  };

  // Models from elsewhere may be made for a single sample; their results are put together.
  Result<NamedArrays> run_one_by_one(const NamedArrays& batch) {
    const std::int64_t count = batch.begin()->second.shape[0];
    NamedArrays joined;
    for (std::int64_t i = 0; i < count; ++i) {
      NamedArrays one;
      for (const auto& [name, array] : batch) {
        if (array.shape.empty() || array.shape[0] != count)
          return Error{Code::invalid, "the inputs have different numbers of samples"};
        Array row{array.dtype, array.shape, {}};
        row.shape[0] = 1;
        const std::size_t size = array.data.size() / static_cast<std::size_t>(count);
        const auto from = array.data.begin() + static_cast<std::ptrdiff_t>(size * static_cast<std::size_t>(i));
        row.data.assign(from, from + static_cast<std::ptrdiff_t>(size));
        one.emplace(name, std::move(row));
      }
      ACESO_TRY(NamedArrays results, run(one));
      for (auto& [name, array] : results) {
        const auto [place, first] = joined.try_emplace(name, std::move(array));
        if (first) continue;
        place->second.data.insert(place->second.data.end(), array.data.begin(), array.data.end());
        ++place->second.shape[0];
      }
    }
    return joined;
  }

  Status check(const NamedArrays& batch) const {
    for (const Port& port : inputs_) {
      const auto found = batch.find(port.name);
      if (found == batch.end()) return Error{Code::invalid, "the batch lacks the input \"" + port.name + "\""};
      const Array& array = found->second;
      const ov::Shape given{array.shape.begin(), array.shape.end()};
      const bool empty = std::any_of(array.shape.begin(), array.shape.end(), [](std::int64_t d) { return d <= 0; });
      if (array.dtype != port.dtype || empty || !port.shape.compatible(ov::PartialShape{given}))
        return Error{Code::invalid, "the input \"" + port.name + "\" is " + std::string{to_string(array.dtype)} + " " +
                                        to_string(array.shape) + ", but " + std::string{to_string(port.dtype)} + " " +
                                        port.shape.to_string() + " is needed"};
    }
    return {};
  }

  std::shared_ptr<ov::Core> core_;  // shared by the engine and its sessions: plug-ins must outlive what they compiled
  ov::CompiledModel model_;
  std::vector<Port> inputs_, outputs_;
  bool takes_one_ = false;  // the model's batch dimension is fixed to 1
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<ov::InferRequest> idle_;  // guarded by mutex_
};

}  // namespace

Error to_error(Code otherwise, std::string_view doing, const std::exception& caught) {
  const std::string_view text{caught.what()};
  if (dynamic_cast<const std::bad_alloc*>(&caught) != nullptr || text.find("out of memory") != std::string_view::npos ||
      text.find("bad_alloc") != std::string_view::npos)
    return {Code::exhausted, std::string{doing} + ": not enough memory"};
  return {otherwise, std::string{doing} + ": " + std::string{text.substr(0, 400)}};
}

Result<std::unique_ptr<learn::InferenceSession>> make_session(const std::shared_ptr<ov::Core>& core,
                                                              const std::shared_ptr<ov::Model>& model,
                                                              const learn::InferenceOptions& options) {
  ov::AnyMap properties{ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY), ov::num_streams(1),
                        ov::hint::enable_cpu_pinning(false),  // the process has other work on these cores
                        ov::hint::inference_precision(ov::element::f32)};
  if (options.allow_bf16) {
    const auto able = core->get_property("CPU", ov::device::capabilities);
    if (std::find(able.begin(), able.end(), ov::device::capability::BF16) != able.end())
      properties[ov::hint::inference_precision.name()] = ov::element::bf16;
  }
  if (options.threads > 0) properties.insert(ov::inference_num_threads(std::min(options.threads, 1024)));
  ov::CompiledModel compiled = core->compile_model(model, "CPU", properties);
  std::vector<Port> inputs, outputs;
  for (const auto& input : compiled.inputs()) {
    ACESO_TRY(Port port, port_of(input, name_of(input)));
    inputs.push_back(std::move(port));
  }
  for (const auto& output : compiled.outputs()) {
    ACESO_TRY(Port port, port_of(output, compiled.outputs().size() == 1 ? "output" : name_of(output)));
    outputs.push_back(std::move(port));
  }
  return std::unique_ptr<learn::InferenceSession>{
      std::make_unique<Session>(core, std::move(compiled), std::move(inputs), std::move(outputs))};
}

}  // namespace aceso::learn_openvino
