// A plugin that throws what its parameter says.
#include <new>
#include <stdexcept>
#include <string>

#include <edgemesh_plugin.hpp>

namespace {

struct Silent : std::exception {
    const char *what() const noexcept override { return nullptr; }
};

// An exception may leave a destructor that says so, while no other is in flight.
struct Thrower {
    ~Thrower() noexcept(false) { throw std::out_of_range("from a destructor"); }
};

struct Clumsy {
    Clumsy() { throw std::logic_error("from a constructor"); }
};

void run(edgemesh::Call &call) {
    const auto what = call.parameters().get<std::string>("what");
    if (what == "no_memory") throw std::bad_alloc();
    if (what == "length") throw std::length_error("too long");
    if (what == "number") throw 42;
    if (what == "text") throw "text";
    if (what == "silent") throw Silent();
    if (what == "destructor") const Thrower thrower;
    if (what == "constructor") static const Clumsy clumsy;
    if (what == "nested") {
        try {
            throw std::runtime_error("inner");
        } catch (...) {
            std::throw_with_nested(edgemesh::Failure("Outer", "outer"));
        }
    }
    if (what == "output_twice") {
        call.output<double>("y", {1});
        call.output<double>("y", {1});
    }
    if (what == "file") {
        const auto file = call.output_file("file", 2, "image/png");
        file[0] = file[1] = std::byte{1};
    }
}

} // namespace

EDGEMESH_PLUGIN("thrower", "1.0.0",
                edgemesh::Algorithm("cpp.throw", "1")
                    .about("throws")
                    .required_parameter("what", {{"type", "string"}})
                    .run(run))
