// edgemesh_plugin_testing.hpp: for plugins' own tests. Owns what the executor would: memory for
// inputs and outputs, and what a call said on its way.
#ifndef EDGEMESH_PLUGIN_TESTING_HPP
#define EDGEMESH_PLUGIN_TESTING_HPP

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "edgemesh_plugin_host.hpp"

namespace edgemesh::testing {

// Allocates each output in a block of its own, so that AddressSanitizer sees the end of it.
class Recorder : public host::Listener {
  public:
    void *allocate(std::size_t nbytes) override {
        blocks_.emplace_back(static_cast<std::byte *>(::operator new(nbytes)));
        return blocks_.back().get();
    }
    bool cancelled() override { return cancel; }
    void progress(double fraction, std::string_view message) override {
        steps.emplace_back(fraction, message);
    }
    void print(int stream, std::string_view text) override { (stream == 1 ? out : err) += text; }

    bool cancel = false;
    std::vector<std::pair<double, std::string>> steps;
    std::string out, err;

  private:
    struct Free {
        void operator()(std::byte *block) const { ::operator delete(block); }
    };
    std::vector<std::unique_ptr<std::byte, Free>> blocks_;
};

// An input that looks at `elements`.
template <class T>
host::Input input(std::string name, const std::vector<T> &elements, Shape shape) {
    return {std::move(name),
            dtype_of<T>,
            std::move(shape),
            elements.data(),
            elements.size() * sizeof(T),
            ""};
}

// The elements of the output; std::runtime_error if it is not there, or not of T.
template <class T> std::vector<T> output(const host::Outcome &outcome, std::string_view name) {
    for (const host::Output &one : outcome.outputs) {
        if (one.name != name) continue;
        if (one.dtype != dtype_of<T>) throw std::runtime_error(one.name + " is of another type");
        const T *const data = static_cast<const T *>(one.data);
        return {data, data + one.nbytes / sizeof(T)};
    }
    throw std::runtime_error("there is no output " + std::string(name));
}

} // namespace edgemesh::testing

#endif
