// What a plugin says about an algorithm, and the checks that follow from it. The executor checks
// the same before a worker sees a request; a plugin does not rely on that.
#ifndef EDGEMESH_ALGORITHM_HPP
#define EDGEMESH_ALGORITHM_HPP

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "call.hpp"

namespace edgemesh {

// What a tensor must be. Unless said otherwise: required, not empty, a scalar of any type.
class TensorSpec {
  public:
    explicit TensorSpec(std::string name) : name_(std::move(name)) {}

    template <class... Ts> TensorSpec of() && {
        return dtypes_ = {dtype_of<Ts>...}, std::move(*this);
    }
    // -1: any length.
    TensorSpec shape(Shape shape) && { return shape_ = std::move(shape), std::move(*this); }
    TensorSpec any_rank() && { return any_rank_ = true, std::move(*this); }
    TensorSpec optional() && { return required_ = false, std::move(*this); }
    TensorSpec allow_empty() && { return allow_empty_ = true, std::move(*this); }
    TensorSpec about(std::string text) && { return about_ = std::move(text), std::move(*this); }

    const std::string &name() const noexcept { return name_; }
    bool required() const noexcept { return required_; }

    void check(const Tensor &tensor) const {
        if (!dtypes_.empty() &&
            std::find(dtypes_.begin(), dtypes_.end(), tensor.dtype()) == dtypes_.end()) {
            throw tensor.wrong_dtype(dtypes_);
        }
        const Shape &shape = tensor.shape();
        if (!any_rank_) {
            bool fits = shape.size() == shape_.size();
            for (std::size_t i = 0; fits && i < shape.size(); ++i) {
                fits = shape_[i] < 0 || shape_[i] == shape[i];
            }
            if (!fits) {
                throw InvalidInput(tensor.field(), "must have the shape " + shape_text(shape_) +
                                                       " (-1: any length), has " +
                                                       shape_text(shape));
            }
        }
        if (!allow_empty_ && std::find(shape.begin(), shape.end(), 0) != shape.end()) {
            throw InvalidInput(tensor.field(),
                               "must not be empty, has the shape " + shape_text(shape));
        }
    }

    Json describe() const {
        Json spec{{"name", name_},         {"dtypes", Json::array()},     {"any_rank", any_rank_},
                  {"required", required_}, {"allow_empty", allow_empty_}, {"description", about_}};
        for (const edgemesh_dtype dtype : dtypes_) spec["dtypes"].push_back(dtype_name(dtype));
        if (!any_rank_) spec["shape"] = shape_;
        return spec;
    }

  private:
    std::string name_;
    std::string about_;
    std::vector<edgemesh_dtype> dtypes_;
    Shape shape_;
    bool any_rank_ = false;
    bool required_ = true;
    bool allow_empty_ = false;
};

class SelfTest;

class Algorithm {
  public:
    using Function = std::function<void(Call &)>;
    using Test = std::function<void(SelfTest &)>;

    // name: "cpp.something"; version: grows with each change that callers can see.
    Algorithm(std::string name, std::string version)
        : name_(std::move(name)), version_(std::move(version)) {}

    Algorithm about(std::string text) && { return about_ = std::move(text), std::move(*this); }
    // schema: JSON Schema of this parameter. Parameters that are not named here are refused.
    Algorithm parameter(const std::string &name, Json schema) && {
        return properties_[name] = std::move(schema), std::move(*this);
    }
    Algorithm required_parameter(const std::string &name, Json schema) && {
        required_.push_back(name);
        return std::move(*this).parameter(name, std::move(schema));
    }
    // schema: JSON Schema of what Call::result is given.
    Algorithm result(Json schema) && { return result_ = std::move(schema), std::move(*this); }
    Algorithm input(TensorSpec spec) && {
        return inputs_.push_back(std::move(spec)), std::move(*this);
    }
    Algorithm output(TensorSpec spec) && {
        return outputs_.push_back(std::move(spec)), std::move(*this);
    }
    // It reports progress.
    Algorithm streams() && { return streams_ = true, std::move(*this); }
    // Running it twice is not the same as running it once.
    Algorithm not_idempotent() && { return idempotent_ = false, std::move(*this); }
    Algorithm default_run_time(std::chrono::milliseconds time) && {
        return default_run_time_ = time, std::move(*this);
    }
    Algorithm run(Function function) && {
        return function_ = std::move(function), std::move(*this);
    }

    // Run once before the plugin is served, in a process that is thrown away: self_test.hpp.
    Algorithm self_test(Test test) && { return test_ = std::move(test), std::move(*this); }

    const std::string &name() const noexcept { return name_; }
    const std::string &version() const noexcept { return version_; }
    const Test &test() const noexcept { return test_; }

    // Checks the inputs, then runs.
    void operator()(Call &call) const {
        for (const Tensor &tensor : call.inputs()) {
            const auto spec =
                std::find_if(inputs_.begin(), inputs_.end(),
                             [&](const TensorSpec &one) { return one.name() == tensor.name(); });
            if (spec == inputs_.end()) throw InvalidInput(tensor.field(), "is not an input");
            spec->check(tensor);
        }
        for (const TensorSpec &spec : inputs_) {
            if (spec.required()) static_cast<void>(call.input(spec.name()));
        }
        function_(call);
    }

    Json describe() const {
        Json parameters{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                        {"type", "object"},
                        {"properties", properties_},
                        {"additionalProperties", false}};
        if (!required_.empty()) parameters["required"] = required_;
        Json algorithm{{"name", name_},
                       {"version", version_},
                       {"description", about_},
                       {"parameters_schema", std::move(parameters)},
                       {"inputs", Json::array()},
                       {"outputs", Json::array()},
                       {"streams", streams_},
                       {"idempotent", idempotent_},
                       {"default_run_time_ms", default_run_time_.count()}};
        if (!result_.is_null()) algorithm["result_schema"] = result_;
        for (const TensorSpec &spec : inputs_) algorithm["inputs"].push_back(spec.describe());
        for (const TensorSpec &spec : outputs_) algorithm["outputs"].push_back(spec.describe());
        return algorithm;
    }

  private:
    std::string name_;
    std::string version_;
    std::string about_;
    Json properties_ = Json::object();
    std::vector<std::string> required_;
    Json result_;
    std::vector<TensorSpec> inputs_;
    std::vector<TensorSpec> outputs_;
    bool streams_ = false;
    bool idempotent_ = true;
    std::chrono::milliseconds default_run_time_{0};
    Function function_;
    Test test_;
};

} // namespace edgemesh

#endif
