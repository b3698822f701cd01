// Hello in every language, and what people ask for most.

#include <array>

#include "bench/cases.h"

namespace ci::bench {

namespace {

constexpr std::string_view pandas_program = R"(import pandas as pd
frame = pd.DataFrame({'key': [i % 10 for i in range(1000)], 'value': range(1000)})
print(frame.groupby('key')['value'].sum()[3], {n})
)";

constexpr std::string_view plot_program = R"(import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
plt.plot([1, 2, 3], [1, 4, 9])
plt.title('{n}')
plt.savefig('plot.png')
print('saved {n}')
)";

constexpr std::string_view fit_program = R"(import numpy as np
from sklearn.linear_model import LinearRegression
x = np.arange(1000.0).reshape(-1, 1)
model = LinearRegression().fit(x, 2 * x[:, 0] + 1)
print(round(float(model.coef_[0]), 6), {n})
)";

constexpr std::string_view ts_program = R"(interface Greeting { text: string }
const greeting: Greeting = { text: 'hello {n}' };
console.log(greeting.text);
)";

constexpr std::string_view go_program = R"(package main

import "fmt"

func main() { fmt.Println("hello {n}") }
)";

constexpr std::string_view java_program = R"(public class Code {
  public static void main(String[] arguments) { System.out.println("hello {n}"); }
}
)";

constexpr std::string_view c_program = R"(#include <stdio.h>
int main(void) { puts("hello {n}"); }
)";

constexpr std::string_view cpp_program = R"(#include <iostream>
int main() { std::cout << "hello {n}\n"; }
)";

constexpr std::string_view cpp_sort_program = R"(#include <algorithm>
#include <iostream>
#include <vector>
int main() {
  std::vector<long> numbers{3, {n}, 1, 2};
  std::sort(numbers.begin(), numbers.end());
  for (const long number : numbers) std::cout << number << ' ';
  std::cout << "sorted\n";
}
)";

constexpr std::string_view rs_program = R"(fn main() {
    println!("hello {n}");
}
)";

constexpr std::string_view f90_program = R"(program hello
  print '(a)', 'hello {n}'
end program hello
)";

constexpr std::string_view d_program = R"(import std.stdio;
void main() { writeln("hello {n}"); }
)";

constexpr std::string_view hello = "hello {n}\n";

constexpr Case run(
    std::string_view name, std::string_view language, std::string_view source, std::string_view expected,
    int files = 0) {
  return Case{"languages", name, language, source, expected, files, false};
}

constexpr Case again(
    std::string_view name, std::string_view language, std::string_view source, std::string_view expected) {
  return Case{"languages", name, language, source, expected, 0, true};
}

constexpr auto all_languages = std::to_array<Case>({
    run("py hello", "py", "print('hello {n}')", hello),
    run("py numpy", "py", "import numpy as np\nprint(np.arange(11).mean(), {n})", "5.0 {n}\n"),
    run("py pandas", "py", pandas_program, "49800 {n}\n"),
    run("py matplotlib", "py", plot_program, "saved {n}\n", 1),
    run("py sklearn", "py", fit_program, "2.0 {n}\n"),
    run("js hello", "js", "console.log('hello {n}')", hello),
    run("ts hello", "ts", ts_program, hello),
    run("bash hello", "bash", "echo hello {n}", hello),
    run("php hello", "php", "<?php echo \"hello {n}\\n\";", hello),
    run("r hello", "r", "cat(\"hello {n}\\n\")", hello),
    run("c hello", "c", c_program, hello),
    run("cpp hello", "cpp", cpp_program, hello),
    run("cpp sort", "cpp", cpp_sort_program, "1 2 3 {n} sorted\n"),
    run("f90 hello", "f90", f90_program, hello),
    run("d hello", "d", d_program, hello),
    run("rs hello", "rs", rs_program, hello),
    run("go hello", "go", go_program, hello),
    run("java hello", "java", java_program, hello),
    again("c cached", "c", c_program, hello),
    again("cpp cached", "cpp", cpp_sort_program, "1 2 3 {n} sorted\n"),
    again("f90 cached", "f90", f90_program, hello),
    again("d cached", "d", d_program, hello),
    again("rs cached", "rs", rs_program, hello),
    again("go cached", "go", go_program, hello),
});

}  // namespace

std::span<const Case> language_cases() { return all_languages; }

}  // namespace ci::bench
