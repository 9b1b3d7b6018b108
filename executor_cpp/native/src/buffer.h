// A Python object's memory, held for as long as native code looks at it. Needs the GIL to be
// made and destroyed, not to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <pybind11/pybind11.h>

namespace cpp_host {

class Buffer {
  public:
    // Throws BufferError (Python's) unless the object's memory is contiguous, and writable if
    // that is asked for.
    Buffer(pybind11::handle object, bool writable) {
        const int flags = writable ? PyBUF_WRITABLE : PyBUF_SIMPLE;
        if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) {
            throw pybind11::error_already_set();
        }
    }
    ~Buffer() {
        if (view_.obj != nullptr) PyBuffer_Release(&view_);
    }
    Buffer(Buffer &&other) noexcept : view_(std::exchange(other.view_, Py_buffer{})) {}
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    Buffer &operator=(Buffer &&) = delete;

    void *data() const noexcept { return view_.buf; }
    std::size_t size() const noexcept { return static_cast<std::size_t>(view_.len); }
    bool aligned(std::size_t alignment) const noexcept {
        return reinterpret_cast<std::uintptr_t>(view_.buf) % alignment == 0;
    }

  private:
    Py_buffer view_{};
};

// Plugins' texts are not trusted to be UTF-8.
inline pybind11::str decode(std::string_view text) {
    PyObject *const decoded =
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
    if (decoded == nullptr) throw pybind11::error_already_set();
    return pybind11::reinterpret_steal<pybind11::str>(decoded);
}

} // namespace cpp_host
