// Misbehaviour on demand, for tests of what hosts plugins.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

#include <unistd.h>

#include <edgemesh_plugin.hpp>

#include "misbehave.hpp"

namespace {

using edgemesh::Json;
using std::chrono::steady_clock;

// Sleeps; leaves early on cancellation only if it cooperates.
void test_sleep(edgemesh::Call &call) {
    const auto seconds = call.parameters().get<double>("seconds");
    const bool cooperative = call.parameters().get<bool>("cooperative", true);
    const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
    while (steady_clock::now() < end) {
        if (cooperative) call.check_cancelled();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    call.result({{"slept_s", seconds}});
}

// Ends the process by a signal.
void test_crash(edgemesh::Call &call) {
    const auto name = call.parameters().get<std::string>("signal");
    if (name == "SEGV") {
        std::int32_t *volatile nowhere = nullptr;
        *nowhere = 1; // not raise(): the real thing
    }
    const int number = name == "ABRT" ? SIGABRT : name == "KILL" ? SIGKILL : 0;
    if (number == 0)
        throw edgemesh::InvalidInput("parameters.signal", "must be SEGV, ABRT or KILL");
    ::kill(::getpid(), number);
    for (;;) ::pause();
}

// Fails, in each way that there is.
void test_fail(edgemesh::Call &call) {
    const auto kind = call.parameters().get<std::string>("kind", "failure");
    const auto message = call.parameters().get<std::string>("message", "as asked");
    if (kind == "invalid_input") throw edgemesh::InvalidInput("parameters.kind", message);
    if (kind == "exception") throw std::out_of_range(message);
    if (kind == "foreign") throw 42; // NOLINT: what is no std::exception
    throw edgemesh::Failure("TestFailure", message);
}

// Reports its way through some steps.
void test_progress(edgemesh::Call &call) {
    const auto steps = call.parameters().get<std::int64_t>("steps", 4);
    for (std::int64_t step = 1; step <= steps; ++step) {
        call.check_cancelled();
        const std::string number = std::to_string(step);
        call.print("step " + number + "\n");
        call.progress(static_cast<double>(step) / static_cast<double>(steps), "step " + number);
    }
    call.result({{"steps", steps}});
}

Json one_of(std::initializer_list<const char *> values) { return {{"enum", values}}; }

} // namespace

EDGEMESH_PLUGIN("testing", "1.0.0",
                edgemesh::Algorithm("cpp.test_sleep", "1")
                    .about("Sleeps.")
                    .required_parameter("seconds", {{"type", "number"}, {"minimum", 0}})
                    .parameter("cooperative", {{"type", "boolean"}, {"default", true}})
                    .result({{"type", "object"}})
                    .run(test_sleep),
                edgemesh::Algorithm("cpp.test_crash", "1")
                    .about("Ends the process by a signal.")
                    .required_parameter("signal", one_of({"SEGV", "ABRT", "KILL"}))
                    .not_idempotent()
                    .run(test_crash),
                edgemesh::Algorithm("cpp.test_misbehave", "1")
                    .about("Does what a plugin must never do.")
                    .required_parameter("how", {{"enum", testing_plugin::ways()}})
                    .output(edgemesh::TensorSpec("y").of<double>().optional())
                    .result({{"type", "string"}})
                    .not_idempotent()
                    .run(testing_plugin::misbehave),
                edgemesh::Algorithm("cpp.test_fail", "1")
                    .about("Fails.")
                    .parameter("kind", one_of({"failure", "invalid_input", "exception", "foreign"}))
                    .parameter("message", {{"type", "string"}})
                    .run(test_fail),
                edgemesh::Algorithm("cpp.test_progress", "1")
                    .about("Reports progress.")
                    .parameter("steps", {{"type", "integer"}, {"minimum", 1}, {"maximum", 100000}})
                    .result({{"type", "object"}})
                    .streams()
                    .run(test_progress))
