// How a call ends early.
//
//   std::runtime_error
//   ├── InvalidInput   the caller's fault: names the field and what was expected
//   └── Failure        the algorithm's: good input, no answer (SingularMatrix, NoConvergence)
//   std::exception
//   ├── Cancelled      the caller has gone
//   └── Refused        the host could not do what was asked; it knows why
#ifndef EDGEMESH_ERRORS_HPP
#define EDGEMESH_ERRORS_HPP

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace edgemesh {

class InvalidInput : public std::runtime_error {
  public:
    // field: a path, "parameters.axes[1]" or "inputs.b"; message: what was expected.
    InvalidInput(std::string field, const std::string &message)
        : std::runtime_error(message), field_(std::move(field)) {}
    const std::string &field() const noexcept { return field_; }

  private:
    std::string field_;
};

class Failure : public std::runtime_error {
  public:
    // type: a name that a program can tell apart, e.g. "SingularMatrix".
    Failure(std::string type, const std::string &message)
        : std::runtime_error(message), type_(std::move(type)) {}
    const std::string &type() const noexcept { return type_; }

  private:
    std::string type_;
};

class Cancelled : public std::exception {
  public:
    const char *what() const noexcept override { return "cancelled"; }
};

class Refused : public std::exception {
  public:
    const char *what() const noexcept override { return "refused by the host"; }
};

} // namespace edgemesh

#endif
