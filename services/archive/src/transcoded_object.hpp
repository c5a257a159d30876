// A kept object in explicit little endian, made while it is sent: header first, then frame after frame, so that its
// size does not matter to memory.
#pragma once

#include <memory>

#include "aceso/net/http.hpp"
#include "frame_source.hpp"

namespace aceso::archive {

// Errors: unsupported (no decoder, more than 4 GiB of pixels), invalid, data_loss. frames and store outlive the source.
Result<std::shared_ptr<net::BodySource>> transcode_object(const ObjectStore& store, FrameSource& frames,
                                                          const InstancePtr& instance);

}  // namespace aceso::archive
