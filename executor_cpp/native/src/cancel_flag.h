// A flag that any Python thread sets and native code reads without the GIL.
#pragma once

#include <atomic>
#include <memory>

#include <pybind11/pybind11.h>

namespace cpp_host {

struct CancelFlag {
    std::atomic<bool> value{false};
};

inline void bind_cancel_flag(pybind11::module_ &module) {
    pybind11::class_<CancelFlag, std::shared_ptr<CancelFlag>>(
        module, "CancelFlag", "Set by any thread, polled by native code without the GIL.")
        .def(pybind11::init<>())
        .def("set", [](CancelFlag &flag) { flag.value.store(true, std::memory_order_relaxed); })
        .def("is_set",
             [](const CancelFlag &flag) { return flag.value.load(std::memory_order_relaxed); });
}

} // namespace cpp_host
