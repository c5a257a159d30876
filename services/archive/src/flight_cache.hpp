// Values that are dear to make: kept up to a number of bytes, made once however many ask at the same time.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "aceso/base/result.hpp"

namespace aceso::archive {

// Thread-safe. The least recently used values go first; one larger than a quarter of the whole is not kept.
template <class T>
class FlightCache {
 public:
  using Value = std::shared_ptr<const T>;  // shared by the cache and whoever sends it
  explicit FlightCache(std::uint64_t max_bytes) : max_bytes_{max_bytes} {}

  // `make` runs on the first caller's thread; others wait for it and get its value or error. `size` of a value counts
  // against the bound.
  Result<Value> get(const std::string& key, const std::function<Result<T>()>& make,
                    const std::function<std::uint64_t(const T&)>& size) {
    std::shared_ptr<Flight> flight;
    {
      std::unique_lock lock{mutex_};
      if (const auto found = kept_.find(key); found != kept_.end()) {
        order_.splice(order_.begin(), order_, found->second);
        return found->second->value;
      }
      if (const auto found = flights_.find(key); found != flights_.end()) {
        flight = found->second;
        landed_.wait(lock, [&] { return flight->done; });
        if (flight->error) return *flight->error;
        return flight->value;
      }
      flight = std::make_shared<Flight>();
      flights_[key] = flight;
    }
    auto made = make();
    const std::lock_guard lock{mutex_};
    flights_.erase(key);
    flight->done = true;
    landed_.notify_all();
    if (!made) {
      flight->error = made.error();
      return std::move(made).error();
    }
    flight->value = std::make_shared<const T>(*std::move(made));
    keep(key, flight->value, size(*flight->value));
    return flight->value;
  }

  std::uint64_t bytes() const {
    const std::lock_guard lock{mutex_};
    return bytes_;
  }

 private:
  struct Flight {
    bool done = false;
    Value value;
    std::optional<Error> error;
  };
  struct Kept {
    std::string key;
    Value value;
    std::uint64_t size;
  };

  void keep(const std::string& key, const Value& value, std::uint64_t size) {
    const std::uint64_t whole = size + key.size() + sizeof(Kept);
    if (whole > max_bytes_ / 4) return;
    while (bytes_ + whole > max_bytes_ && !order_.empty()) {
      bytes_ -= order_.back().size;
      kept_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({key, value, whole});
    kept_[key] = order_.begin();
    bytes_ += whole;
  }

  const std::uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable landed_;
  std::list<Kept> order_;
  std::unordered_map<std::string, typename std::list<Kept>::iterator> kept_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  std::uint64_t bytes_ = 0;
};

}  // namespace aceso::archive
