// Programs to begin with. The first of a language is what somebody sees who chooses it.
export const examples = [
  {lang: 'py', title: 'Hello', code: `import sys

print(f"Hello from Python {sys.version.split()[0]}")
for number in range(1, 6):
    print(number, number ** 2)
`},
  {lang: 'py', title: 'A plot', code: `import numpy as np
import matplotlib.pyplot as plt

x = np.linspace(0, 4 * np.pi, 400)
plt.figure(figsize=(7, 3.5))
plt.plot(x, np.sin(x), label="sin")
plt.plot(x, np.sin(x) * np.exp(-x / 6), label="damped")
plt.legend()
plt.tight_layout()
plt.savefig("waves.png", dpi=110)
`},
  {lang: 'py', title: 'A table', code: `import pandas as pd

sales = pd.DataFrame({
    "city": ["Lisbon", "Oslo", "Lisbon", "Quito", "Oslo", "Quito"],
    "units": [12, 7, 5, 21, 3, 8],
    "price": [4.5, 6.0, 4.5, 3.2, 6.0, 3.2],
})
sales["revenue"] = sales.units * sales.price
summary = sales.groupby("city")[["units", "revenue"]].sum().reset_index()
print(summary.to_string(index=False))
summary.to_csv("summary.csv", index=False)
`},
  {lang: 'py', title: 'Variables stay: run it twice', code: `try:
    count += 1
except NameError:
    count = 1
print("This session has run it", count, "times")
`},
  {lang: 'py', title: 'Read the uploaded files', code: `from pathlib import Path

for path in sorted(Path(".").iterdir()):
    print(f"{path.stat().st_size:>10}  {path.name}")
`},
  {lang: 'js', title: 'Hello', code: `const words = 'the quick brown fox jumps over the lazy dog'.split(' ');
const byLength = Object.groupBy?.(words, (word) => word.length) ?? words;
console.log(byLength);
`},
  {lang: 'ts', title: 'Hello', code: `interface Point { x: number; y: number }

const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);
console.log(distance({x: 0, y: 0}, {x: 3, y: 4}));
`},
  {lang: 'bash', title: 'Hello', code: `echo "Hello from $BASH_VERSION"
seq 1 5 | awk '{ sum += $1; print $1, sum }' | tee sums.txt
`},
  {lang: 'java', title: 'Hello', code: `import java.util.stream.IntStream;

public class Main {
    public static void main(String[] args) {
        System.out.println("Hello from Java " + Runtime.version().feature());
        System.out.println(IntStream.rangeClosed(1, 10).sum());
    }
}
`},
  {lang: 'c', title: 'Hello', code: `#include <stdio.h>

int main(void) {
    for (int i = 1; i <= 5; ++i) printf("%d squared is %d\\n", i, i * i);
    return 0;
}
`},
  {lang: 'cpp', title: 'Hello', code: `#include <algorithm>
#include <iostream>
#include <vector>

int main() {
    std::vector<int> numbers = {5, 3, 9, 1};
    std::sort(numbers.begin(), numbers.end());
    for (int number : numbers) std::cout << number << '\\n';
}
`},
  {lang: 'go', title: 'Hello', code: `package main

import "fmt"

func main() {
	results := make(chan int)
	for i := 1; i <= 3; i++ {
		go func(n int) { results <- n * n }(i)
	}
	sum := 0
	for i := 0; i < 3; i++ {
		sum += <-results
	}
	fmt.Println("sum of squares:", sum)
}
`},
  {lang: 'rs', title: 'Hello', code: `fn main() {
    let total: u64 = (1..=10).product();
    println!("10! = {total}");
}
`},
  {lang: 'php', title: 'Hello', code: `<?php
$words = ['sandbox', 'server', 'session'];
foreach ($words as $word) {
    echo ucfirst($word), ': ', strlen($word), PHP_EOL;
}
`},
  {lang: 'r', title: 'Hello', code: `x <- c(2, 4, 4, 4, 5, 5, 7, 9)
cat("mean", mean(x), "sd", sd(x), "\\n")
`},
  {lang: 'f90', title: 'Hello', code: `program hello
  implicit none
  integer :: i
  do i = 1, 5
    print '(i2, a, i3)', i, ' squared is', i * i
  end do
end program hello
`},
  {lang: 'd', title: 'Hello', code: `import std.stdio, std.algorithm, std.range;

void main() {
    iota(1, 6).map!(n => n * n).each!writeln;
}
`},
];
