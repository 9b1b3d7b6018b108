// What a running plugin asks of Python. The GIL is taken only here, and never by a poll for
// cancellation through a CancelFlag.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include <pybind11/pybind11.h>

#include <edgemesh_plugin_host.hpp>

#include "buffer.h"
#include "cancel_flag.h"

namespace cpp_host {

// Made and destroyed with the GIL held, used without.
class PythonListener : public edgemesh::host::Listener {
  public:
    // cancelled: None, a CancelFlag, or a callable; place, progress, print: None or a callable.
    PythonListener(pybind11::object allocate, pybind11::object place,
                   const pybind11::object &cancelled, pybind11::object progress,
                   pybind11::object print);

    void *allocate(std::size_t nbytes) override;
    void *place(std::string_view name, std::size_t nbytes) override;
    bool cancelled() override;
    void progress(double fraction, std::string_view message) override;
    void print(int stream, std::string_view text) override;

    // What allocate gave for this output. Needs the GIL.
    pybind11::memoryview memory(const void *data) const;

    // Whether nothing was written behind this output.
    bool intact(const void *data) const;

  private:
    void *guard(void *data, std::size_t nbytes);

    using Clock = std::chrono::steady_clock;

    void *keep(pybind11::object memory, std::size_t nbytes, const char *giver);

    pybind11::object allocate_;
    pybind11::object place_;         // a callable, or None
    pybind11::object ask_cancelled_; // a callable, or null
    pybind11::object progress_;      // a callable, or None
    pybind11::object print_;         // a callable, or None
    std::shared_ptr<CancelFlag> flag_;
    std::atomic<Clock::rep> asked_{0};
    Clock::time_point progressed_{};
    std::vector<Buffer> buffers_;
    std::map<const void *, pybind11::object> owners_;
    std::map<const void *, const std::byte *> guards_; // where an output ends
};

} // namespace cpp_host
