// What an algorithm's self-test runs with: the algorithm, and means to say what is wrong.
//
//   void self_test(edgemesh::SelfTest &test) {
//       const std::vector<double> x{1, 2};
//       test.input("x", x, {2});
//       test.run({{"factor", 3}});
//       test.expect(test.output<double>("y") == std::vector<double>{3, 6}, "3 * [1, 2] = [3, 6]");
//   }
//
// Rules: it is for what only shows where the plugin is served (a library of another version, a
// processor that lacks an instruction, a file that is missing); one small problem with a known
// answer tells it. It has milliseconds: whoever installs the plugin waits. What is wrong with an
// algorithm itself is for its tests.
#ifndef EDGEMESH_SELF_TEST_HPP
#define EDGEMESH_SELF_TEST_HPP

#include <cmath>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "algorithm.hpp"
#include "host_call.hpp"

namespace edgemesh {

class SelfTest {
  public:
    explicit SelfTest(const Algorithm &algorithm) : algorithm_(&algorithm) {}
    SelfTest(const SelfTest &) = delete;
    SelfTest &operator=(const SelfTest &) = delete;

    // An input of the runs that follow. The elements are copied.
    template <class T>
    void input(const std::string &name, const std::vector<T> &elements, Shape shape) {
        Given given;
        given.name = name;
        given.shape = std::move(shape);
        const auto *const bytes = reinterpret_cast<const std::byte *>(elements.data());
        given.bytes.assign(bytes, bytes + elements.size() * sizeof(T)); // aligned by operator new
        given.dtype = dtype_of<T>;
        inputs_.push_back(std::move(given));
    }

    // Runs the algorithm; what it throws ends the test. parameters: a JSON object.
    void run(const Json &parameters = Json::object()) {
        memory_ = std::make_unique<Memory>();
        run_ = std::make_unique<edgemesh_call>(*memory_);
        const std::string json = parameters.dump();
        std::vector<edgemesh_tensor> tensors;
        std::vector<const edgemesh_tensor *> pointers;
        tensors.reserve(inputs_.size()); // pointers point into it
        for (const Given &given : inputs_) {
            tensors.push_back(given.tensor());
            pointers.push_back(&tensors.back());
        }
        edgemesh_request request{};
        request.struct_size = sizeof request;
        request.input_count = static_cast<std::uint32_t>(pointers.size());
        request.algorithm = detail::text(algorithm_->name());
        request.version = detail::text(algorithm_->version());
        request.parameters = detail::text(json);
        request.inputs = pointers.data();
        request.threads = 1;
        Call call(request, host::callbacks::table, run_.get());
        (*algorithm_)(call);
        outcome_ = run_->finish(EDGEMESH_OK);
    }

    // Of the last run. Throws Failure if there is none of that name and type.
    template <class T> std::vector<T> output(std::string_view name) const {
        for (const host::Output &one : outcome_.outputs) {
            if (one.name != name || one.dtype != dtype_of<T>) continue;
            const T *const data = static_cast<const T *>(one.data);
            return {data, data + one.nbytes / sizeof(T)};
        }
        throw Failure("NoOutput", "it gives no " + std::string(name) + " of that type");
    }
    // JSON; null if there is none.
    Json result() const { return outcome_.result ? Json::parse(*outcome_.result) : Json(); }

    // Throws Failure with the message unless it holds. The message says what was expected.
    void expect(bool holds, const std::string &message) const {
        if (!holds) throw Failure("SelfTestFailed", "expected " + message);
    }
    void expect_near(double value, double expected, double tolerance,
                     const std::string &what) const {
        if (std::abs(value - expected) <= tolerance) return; // NaN is not near
        throw Failure("SelfTestFailed", "expected " + what + " = " + Json(expected).dump() +
                                            ", it is " + Json(value).dump());
    }

  private:
    struct Given {
        std::string name;
        edgemesh_dtype dtype = EDGEMESH_BYTES;
        Shape shape;
        std::vector<std::byte> bytes;

        edgemesh_tensor tensor() const {
            edgemesh_tensor raw{};
            raw.struct_size = sizeof raw;
            raw.dtype = dtype;
            raw.rank = static_cast<std::uint32_t>(shape.size());
            raw.shape = shape.data();
            raw.data = bytes.data();
            raw.nbytes = bytes.size();
            raw.name = detail::text(name);
            return raw;
        }
    };

    struct Memory : host::Listener {
        void *allocate(std::size_t nbytes) override {
            blocks.emplace_back(new std::byte[nbytes]);
            return blocks.back().get();
        }
        std::vector<std::unique_ptr<std::byte[]>> blocks;
    };

    const Algorithm *algorithm_;
    std::vector<Given> inputs_;
    std::unique_ptr<Memory> memory_;
    std::unique_ptr<edgemesh_call> run_;
    host::Outcome outcome_;
};

} // namespace edgemesh

#endif
