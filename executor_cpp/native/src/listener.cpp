#include "listener.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace py = pybind11;

namespace cpp_host {
namespace {

// How often a callable is asked; a plugin may poll every few microseconds.
constexpr std::chrono::milliseconds ask_interval{5};
// How often progress without a message is passed on.
constexpr std::chrono::milliseconds progress_interval{20};
// What edgemesh_plugin.h promises for outputs.
constexpr std::size_t output_alignment = 16;
// Behind each output; one that is written past its end changes it. No vector is larger.
constexpr std::size_t guard_bytes = 64;
constexpr std::byte guard_pattern{0xA5};

} // namespace

PythonListener::PythonListener(py::object allocate, py::object place, const py::object &cancelled,
                               py::object progress, py::object print)
    : allocate_(std::move(allocate)), place_(std::move(place)), progress_(std::move(progress)),
      print_(std::move(print)) {
    if (py::isinstance<CancelFlag>(cancelled)) {
        flag_ = cancelled.cast<std::shared_ptr<CancelFlag>>();
    } else {
        flag_ = std::make_shared<CancelFlag>();
        if (!cancelled.is_none()) ask_cancelled_ = cancelled;
    }
}

void *PythonListener::allocate(std::size_t nbytes) {
    const py::gil_scoped_acquire gil;
    return guard(keep(allocate_(nbytes + guard_bytes), nbytes + guard_bytes, "allocate"), nbytes);
}

void *PythonListener::place(std::string_view name, std::size_t nbytes) {
    if (place_.is_none()) return allocate(nbytes);
    const py::gil_scoped_acquire gil;
    py::object memory = place_(decode(name), nbytes);
    if (memory.is_none()) return allocate(nbytes);
    return keep(std::move(memory), nbytes, "place");
}

void *PythonListener::keep(py::object memory, std::size_t nbytes, const char *giver) {
    Buffer buffer(memory, /*writable=*/true);
    if (buffer.size() != nbytes || !buffer.aligned(output_alignment)) {
        throw std::invalid_argument(std::string(giver) + " gave " + std::to_string(buffer.size()) +
                                    " bytes for " + std::to_string(nbytes) +
                                    "; it must give that many, 16-byte aligned");
    }
    void *const data = buffer.data();
    buffers_.push_back(std::move(buffer));
    owners_[data] = std::move(memory);
    return data;
}

void *PythonListener::guard(void *data, std::size_t nbytes) {
    std::byte *const end = static_cast<std::byte *>(data) + nbytes;
    std::fill_n(end, guard_bytes, guard_pattern);
    guards_[data] = end;
    return data;
}

bool PythonListener::intact(const void *data) const {
    const auto found = guards_.find(data);
    if (found == guards_.end()) return true; // the caller's own place, or an empty output
    return std::all_of(found->second, found->second + guard_bytes,
                       [](std::byte byte) { return byte == guard_pattern; });
}

bool PythonListener::cancelled() {
    if (flag_->value.load(std::memory_order_relaxed)) return true;
    if (!ask_cancelled_) return false;
    const Clock::rep now = Clock::now().time_since_epoch().count();
    Clock::rep last = asked_.load(std::memory_order_relaxed);
    if (Clock::duration(now - last) < ask_interval ||
        !asked_.compare_exchange_strong(last, now, std::memory_order_relaxed)) {
        return false; // another thread asks
    }
    const py::gil_scoped_acquire gil;
    if (!ask_cancelled_().cast<bool>()) return false;
    flag_->value.store(true, std::memory_order_relaxed);
    return true;
}

void PythonListener::progress(double fraction, std::string_view message) {
    if (progress_.is_none()) return;
    const Clock::time_point now = Clock::now();
    if (message.empty() && fraction < 1.0 && now - progressed_ < progress_interval) return;
    progressed_ = now;
    const py::gil_scoped_acquire gil;
    progress_(fraction, decode(message));
}

void PythonListener::print(int stream, std::string_view text) {
    if (print_.is_none()) return;
    const py::gil_scoped_acquire gil;
    print_(stream == 1 ? "stdout" : "stderr", decode(text));
}

py::memoryview PythonListener::memory(const void *data) const {
    const auto found = owners_.find(data);
    if (found == owners_.end()) return py::memoryview(py::bytes()); // an empty output
    const auto guarded = guards_.find(data);
    if (guarded == guards_.end()) return py::memoryview(found->second);
    const auto nbytes = guarded->second - static_cast<const std::byte *>(data);
    return py::memoryview(py::memoryview(found->second)[py::slice(0, nbytes, 1)]);
}

} // namespace cpp_host
