#include "window.hpp"

#include <cmath>
#include <functional>
#include <map>

#include "lines.hpp"
#include "options.hpp"
#include "window_shapes.hpp"

namespace dsp {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using shapes::Values;

constexpr const char *field = "parameters.window";

// A window's arguments; those that are absent have a default or must not be.
class Arguments {
  public:
    explicit Arguments(const Json &list) : list_(list) {}
    std::size_t size() const { return list_.size(); }
    bool has(std::size_t index) const { return index < size() && !list_[index].is_null(); }
    double number(std::size_t index) const {
        if (!has(index)) throw InvalidInput(field, "lacks an argument of the window");
        const auto value = edgemesh::detail::convert<double>(list_[index], at(index));
        if (!std::isfinite(value)) throw InvalidInput(at(index), "must be finite");
        return value;
    }
    double number(std::size_t index, double otherwise) const {
        return has(index) ? number(index) : otherwise;
    }
    double positive(std::size_t index) const {
        const double value = number(index);
        if (value <= 0.0) throw InvalidInput(at(index), "must be positive");
        return value;
    }
    bool truth(std::size_t index, bool otherwise) const {
        return has(index) ? edgemesh::detail::convert<bool>(list_[index], at(index)) : otherwise;
    }
    std::vector<double> numbers(std::size_t index) const {
        if (!has(index)) throw InvalidInput(field, "lacks an argument of the window");
        return edgemesh::detail::convert<std::vector<double>>(list_[index], at(index));
    }
    static std::string at(std::size_t index) {
        return std::string(field) + "[" + std::to_string(index + 1) + "]";
    }

  private:
    const Json &list_;
};

struct Kind {
    std::size_t most_arguments;
    std::function<Values(std::size_t, const Arguments &)> make; // at least two points
};

Kind cosines(std::vector<double> a) {
    return {0, [a = std::move(a)](std::size_t count, const Arguments &) {
                return shapes::general_cosine(count, a);
            }};
}
Kind plain(Values (*shape)(std::size_t)) {
    return {0, [shape](std::size_t count, const Arguments &) { return shape(count); }};
}

Values taylor(std::size_t count, const Arguments &arguments) {
    const double nbar = arguments.number(0, 4.0), sidelobe_db = arguments.number(1, 30.0);
    if (nbar < 1.0 || nbar > 1000.0 || nbar != std::trunc(nbar)) {
        throw InvalidInput(Arguments::at(0), "must be an integer from 1 to 1000");
    }
    if (sidelobe_db < 0.0 || sidelobe_db > 1000.0) {
        throw InvalidInput(Arguments::at(1), "must lie in 0 to 1000");
    }
    return shapes::taylor(count, static_cast<int>(nbar), sidelobe_db, arguments.truth(2, true));
}

std::map<std::string, Kind> all_kinds() {
    std::map<std::string, Kind> kinds;
    const auto add = [&](std::initializer_list<const char *> names, const Kind &kind) {
        for (const char *const name : names) kinds.emplace(name, kind);
    };
    add({"boxcar", "box", "ones", "rect", "rectangular"}, cosines({1.0}));
    add({"hann", "han"}, cosines({0.5, 0.5}));
    add({"hamming", "hamm", "ham"}, cosines({0.54, 0.46}));
    add({"blackman", "black", "blk"}, cosines({0.42, 0.50, 0.08}));
    add({"nuttall", "nutl", "nut"}, cosines({0.3635819, 0.4891775, 0.1365995, 0.0106411}));
    add({"blackmanharris", "blackharr", "bkh"}, cosines({0.35875, 0.48829, 0.14128, 0.01168}));
    add({"flattop", "flat", "flt"},
        cosines({0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368}));
    add({"triang", "triangle", "tri"}, plain(shapes::triang));
    add({"bartlett", "bart", "brt"}, plain(shapes::bartlett));
    add({"parzen", "parz", "par"}, plain(shapes::parzen));
    add({"bohman", "bman", "bmn"}, plain(shapes::bohman));
    add({"barthann", "brthan", "bth"}, plain(shapes::barthann));
    add({"cosine", "halfcosine"}, plain(shapes::cosine));
    add({"lanczos", "sinc"}, plain(shapes::lanczos));
    add({"general cosine", "general_cosine"}, {1, [](std::size_t count, const Arguments &some) {
                                                   return shapes::general_cosine(count,
                                                                                 some.numbers(0));
                                               }});
    add({"general hamming", "general_hamming"},
        {1, [](std::size_t count, const Arguments &some) {
             const double alpha = some.number(0);
             return shapes::general_cosine(count, {alpha, 1.0 - alpha});
         }});
    add({"kaiser", "ksr"}, {1, [](std::size_t count, const Arguments &some) {
                                return shapes::kaiser(count, some.number(0));
                            }});
    add({"gaussian", "gauss", "gss"}, {1, [](std::size_t count, const Arguments &some) {
                                           return shapes::general_gaussian(count, 1.0,
                                                                           some.positive(0));
                                       }});
    add({"general gaussian", "general_gaussian", "general gauss", "general_gauss", "ggs"},
        {2, [](std::size_t count, const Arguments &some) {
             return shapes::general_gaussian(count, some.number(0), some.positive(1));
         }});
    add({"tukey", "tuk"}, {1, [](std::size_t count, const Arguments &some) {
                               return shapes::tukey(count, some.number(0, 0.5));
                           }});
    add({"exponential", "poisson"},
        {2, [](std::size_t count, const Arguments &some) {
             const double middle = (static_cast<double>(count) - 1.0) / 2.0;
             return shapes::exponential(count, some.number(0, middle),
                                        some.has(1) ? some.positive(1) : 1.0);
         }});
    add({"taylor", "taylorwin"}, {3, taylor});
    return kinds;
}

const std::map<std::string, Kind> &kinds() {
    static const std::map<std::string, Kind> &all = *new auto(all_kinds());
    return all;
}

bool remove_suffix(std::string &name, const std::string &suffix) {
    if (name.size() < suffix.size() ||
        name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
        return false;
    }
    name.erase(name.size() - suffix.size());
    return true;
}

} // namespace

Window::Window(const Json &named) : arguments_(Json::array()) {
    if (named.is_number()) {
        name_ = "kaiser";
        arguments_.push_back(named);
    } else if (named.is_string()) {
        name_ = named.get<std::string>();
    } else if (named.is_array() && !named.empty() && named[0].is_string()) {
        name_ = named[0].get<std::string>();
        arguments_.insert(arguments_.end(), named.begin() + 1, named.end());
    } else if (named.is_array() && !named.empty()) {
        given_ = true;
        values_ = edgemesh::detail::convert<std::vector<double>>(named, field);
        return;
    } else {
        throw InvalidInput(field, "must be a name, a list of a name and its arguments, a number "
                                  "(Kaiser's beta), or a list of numbers");
    }
    std::string name = name_;
    if (!remove_suffix(name, "_symmetric")) remove_suffix(name, "_periodic");
    const auto kind = kinds().find(name);
    if (kind == kinds().end()) throw InvalidInput(field, "is no window that is known");
    if (arguments_.size() > kind->second.most_arguments) {
        throw InvalidInput(field, "has more arguments than the window");
    }
    kind->second.make(2, Arguments(arguments_)); // throws if they do not fit
}

Window Window::from(const edgemesh::Call &call, const Json &otherwise) {
    const edgemesh::Tensor *const input = call.find_input("window");
    if (input == nullptr) {
        const Json &object = call.parameters().json();
        const auto named = object.find("window");
        return Window(named == object.end() || named->is_null() ? otherwise : *named);
    }
    if (call.parameters().has("window") && !is_null(call.parameters(), "window")) {
        throw InvalidInput(input->field(), "must not be given beside parameters.window");
    }
    Window window;
    window.given_ = true;
    window.values_ = read_all<double>(*input);
    return window;
}

std::vector<double> Window::values(std::size_t length, bool periodic) const {
    if (given_) return values_;
    std::string name = name_;
    if (remove_suffix(name, "_symmetric")) {
        periodic = false;
    } else if (remove_suffix(name, "_periodic")) {
        periodic = true;
    }
    if (length <= 1) return Values(length, 1.0);
    Values all = kinds().at(name).make(length + (periodic ? 1 : 0), Arguments(arguments_));
    all.resize(length);
    return all;
}

Json Window::schema(const Json &otherwise) {
    return {{"type", {"string", "number", "array", "null"}},
            {"default", otherwise},
            {"description",
             "as for scipy.signal.get_window: a name, a list of a name and its arguments "
             "([\"kaiser\", 8.6]), a number (Kaiser's beta), or a list of numbers, the window "
             "itself"}};
}

edgemesh::TensorSpec Window::input() {
    return edgemesh::TensorSpec("window").of<float, double>().shape({-1}).optional().about(
        "the window itself, instead of parameters.window");
}

} // namespace dsp
