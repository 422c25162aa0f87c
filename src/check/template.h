// Templates in the labels and annotations of rules, as far as their place says something. Pure.
#pragma once

#include <string>
#include <string_view>

namespace alertscaler::check {

[[nodiscard]] bool is_template(std::string_view text);
// Whether a template in it prints the alert's value.
[[nodiscard]] bool prints_the_value(std::string_view text);
// Whether a template in it prints units or percent signs: humanize and its kin.
[[nodiscard]] bool prints_units(std::string_view text);
// With each template replaced by a number.
[[nodiscard]] std::string with_numbers(std::string_view text);

}  // namespace alertscaler::check
