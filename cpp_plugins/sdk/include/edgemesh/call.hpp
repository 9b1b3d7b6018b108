// One call: what came in, and what goes back to the host.
#ifndef EDGEMESH_CALL_HPP
#define EDGEMESH_CALL_HPP

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "errors.hpp"
#include "parameters.hpp"
#include "tensor.hpp"

namespace edgemesh {

namespace detail {
inline edgemesh_text text(std::string_view view) noexcept { return {view.data(), view.size()}; }
inline std::string_view view(edgemesh_text text) noexcept { return {text.data, text.size}; }
} // namespace detail

class Call {
  public:
    Call(const edgemesh_request &request, const edgemesh_host &host, edgemesh_call *call)
        : request_(&request), host_(&host), call_(call),
          parameters_(detail::view(request.parameters)) {
        inputs_.reserve(request.input_count);
        for (std::uint32_t i = 0; i < request.input_count; ++i) {
            inputs_.emplace_back(*request.inputs[i]);
        }
    }

    std::string_view algorithm() const noexcept { return detail::view(request_->algorithm); }
    const Parameters &parameters() const noexcept { return parameters_; }
    const std::vector<Tensor> &inputs() const noexcept { return inputs_; }

    // nullptr if it was not given.
    const Tensor *find_input(std::string_view name) const noexcept {
        for (const Tensor &tensor : inputs_) {
            if (tensor.name() == name) return &tensor;
        }
        return nullptr;
    }
    const Tensor &input(std::string_view name) const {
        if (const Tensor *const tensor = find_input(name)) return *tensor;
        throw InvalidInput("inputs." + std::string(name), "is required");
    }

    // Memory for an output, not initialised; once for each name.
    template <class T> View<T> output(std::string_view name, Shape shape) {
        void *data = nullptr;
        if (host_->output(call_, detail::text(name), dtype_of<T>, shape.data(),
                          static_cast<std::uint32_t>(shape.size()), &data) != EDGEMESH_OK) {
            throw Refused();
        }
        std::size_t size = 1; // the host has refused what overflows
        for (const std::int64_t length : shape) size *= static_cast<std::size_t>(length);
        return {static_cast<T *>(data), std::move(shape), size};
    }
    // A file of a type that others know: output<std::byte>, with media_type, e.g. "image/png".
    View<std::byte> output_file(std::string_view name, std::size_t size,
                                std::string_view media_type) {
        auto bytes = output<std::byte>(name, {static_cast<std::int64_t>(size)});
        if (EDGEMESH_HAS(host_, media_type) &&
            host_->media_type(call_, detail::text(name), detail::text(media_type)) != EDGEMESH_OK) {
            throw Refused();
        }
        return bytes;
    }

    void result(const Json &value) {
        const std::string json = value.dump(-1, ' ', false, Json::error_handler_t::replace);
        if (host_->result(call_, detail::text(json)) != EDGEMESH_OK) throw Refused();
    }

    bool cancelled() const noexcept { return host_->cancelled(call_) != 0; }
    // Call it in every loop that may last: throws Cancelled once the caller has gone.
    void check_cancelled() const {
        if (cancelled()) throw Cancelled();
    }
    // fraction: 0 to 1.
    void progress(double fraction, std::string_view message = {}) {
        host_->progress(call_, fraction, detail::text(message));
    }
    void print(std::string_view text) { host_->print(call_, 1, detail::text(text)); }
    void print_error(std::string_view text) { host_->print(call_, 2, detail::text(text)); }

    // Threads that this call may compute with, itself included.
    unsigned threads() const noexcept { return request_->threads == 0 ? 1 : request_->threads; }
    // Memory that the process may use, in bytes; 0: not stated.
    std::uint64_t memory_bytes() const noexcept { return request_->memory_bytes; }
    // Time until the call is stopped; 0: not stated.
    std::chrono::nanoseconds run_time() const noexcept {
        return std::chrono::nanoseconds(request_->run_time_ns);
    }

  private:
    const edgemesh_request *request_;
    const edgemesh_host *host_;
    edgemesh_call *call_;
    Parameters parameters_;
    std::vector<Tensor> inputs_;
};

} // namespace edgemesh

#endif
