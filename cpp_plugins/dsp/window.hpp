// Window functions by name, as scipy.signal.get_window has them, after Harris, "On the use of
// windows for harmonic analysis with the discrete Fourier transform" (1978).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace dsp {

class Window {
  public:
    // The parameter `window`: a name; a list of a name and its arguments; a number, the beta of a
    // Kaiser window; or a list of numbers, the window itself, which may also be the input `window`.
    // null is the default. InvalidInput: there is no such window.
    static Window from(const edgemesh::Call &call, const edgemesh::Json &otherwise);
    explicit Window(const edgemesh::Json &named);

    // It has a length of its own.
    bool given() const noexcept { return given_; }
    std::size_t size() const noexcept { return values_.size(); }
    // The values; of a given window, whatever the length asked for, its own.
    std::vector<double> values(std::size_t length, bool periodic) const;

    static edgemesh::Json schema(const edgemesh::Json &otherwise);
    static edgemesh::TensorSpec input();

  private:
    Window() = default;

    bool given_ = false;
    std::vector<double> values_;
    std::string name_;
    edgemesh::Json arguments_;
};

} // namespace dsp
