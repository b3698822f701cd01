// Ten Python programs that load more and more, one after the other: what each kind of import costs a user.

#include <array>

#include "bench/cases.h"

namespace ci::bench {

namespace {

constexpr std::string_view stdlib_program = R"(import collections
import datetime
import itertools
import json
import math
import re
import statistics

words = re.findall(r'\w+', 'the quick brown fox jumps over the lazy dog ' * 50)
counts = collections.Counter(words)
day = datetime.date(2024, 2, 28) + datetime.timedelta(days=2)
text = json.dumps({'day': day.isoformat(), 'words': counts.most_common(1), 'root': math.isqrt(1764)})
pairs = len(list(itertools.combinations(range(20), 2)))
print(json.loads(text)['day'], statistics.mean(counts.values()), pairs, {n})
)";

constexpr std::string_view numpy_program = R"(import numpy as np

generator = np.random.default_rng(7)
a = generator.random((120, 120)) + 120 * np.eye(120)
x = np.linalg.solve(a, np.ones(120))
print(np.allclose(a @ x, 1), {n})
)";

constexpr std::string_view sequential_pandas = R"(import pandas as pd

days = pd.date_range('2024-01-01', periods=1000, freq='D')
sales = pd.DataFrame({'day': days, 'shop': ['north', 'south'] * 500, 'amount': range(1000)})
table = sales.pivot_table(index=sales['day'].dt.year, columns='shop', values='amount', aggfunc='sum')
print(table.shape, int(table.to_numpy().sum()), {n})
)";

constexpr std::string_view sequential_plot = R"(import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6, 4))
axes.bar(['a', 'b', 'c'], [3, 7, 5], label='{n}')
axes.set_ylabel('amount')
axes.legend()
figure.savefig('chart.png')
print('drawn {n}')
)";

constexpr std::string_view sklearn_program = R"(from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

features, kinds = load_iris(return_X_y=True)
train, test, train_kinds, test_kinds = train_test_split(features, kinds, random_state=0)
model = LogisticRegression(max_iter=500).fit(train, train_kinds)
print(model.score(test, test_kinds) > 0.9, {n})
)";

constexpr std::string_view many_program = R"(import csv
import io
import json

import matplotlib
import numpy as np
import pandas as pd
import scipy.stats
import sklearn

rows = list(csv.reader(io.StringIO('x,y\n1,2\n2,4\n3,6\n')))
frame = pd.DataFrame(rows[1:], columns=rows[0]).astype(float)
fit = scipy.stats.linregress(frame['x'], frame['y'])
print(json.dumps({'slope': round(fit.slope, 6), 'mean': float(np.mean(frame['y']))}), {n})
)";

constexpr std::string_view sympy_program = R"(import sympy

x = sympy.symbols('x')
roots = sympy.solve(x**2 - 5 * x + 6, x)
area = sympy.integrate(x**2, (x, 0, 3))
print(roots, area, {n})
)";

constexpr std::string_view opencv_program = R"(import cv2
import numpy as np

image = np.zeros((200, 300, 3), np.uint8)
cv2.circle(image, (150, 100), 60, (0, 0, 255), -1)
edges = cv2.Canny(cv2.GaussianBlur(image, (5, 5), 0), 50, 150)
print(bool(edges.any()), {n})
)";

constexpr std::string_view complex_program = R"(import functools


def primes_below(limit):
    sieve = bytearray([1]) * limit
    sieve[:2] = b'\0\0'
    for i in range(2, int(limit**0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, limit, i)))
    return [i for i, prime in enumerate(sieve) if prime]


@functools.cache
def paths(rows, columns):
    return 1 if 0 in (rows, columns) else paths(rows - 1, columns) + paths(rows, columns - 1)


def collatz(number):
    steps = 0
    while number != 1:
        number = 3 * number + 1 if number % 2 else number // 2
        steps += 1
    return steps


print(len(primes_below(100_000)), paths(40, 40) % 1_000_007, max(map(collatz, range(1, 3000))), {n})
)";

constexpr Case sequential_run(
    std::string_view name, std::string_view source, std::string_view expected, int files = 0) {
  return Case{"sequential", name, "py", source, expected, files, false};
}

constexpr auto all_sequential = std::to_array<Case>({
    sequential_run("minimal", "print('hello {n}')", "hello {n}\n"),
    sequential_run("stdlib only", stdlib_program, "2024-03-01 56.25 190 {n}\n"),
    sequential_run("numpy", numpy_program, "True {n}\n"),
    sequential_run("pandas", sequential_pandas, "(3, 2) 499500 {n}\n"),
    sequential_run("matplotlib", sequential_plot, "drawn {n}\n", 1),
    sequential_run("scikit-learn", sklearn_program, "True {n}\n"),
    sequential_run("multi-import", many_program, "{\"slope\": 2.0, \"mean\": 4.0} {n}\n"),
    sequential_run("sympy", sympy_program, "[2, 3] 9 {n}\n"),
    sequential_run("opencv", opencv_program, "True {n}\n"),
    sequential_run("complex computation", complex_program, "9592 461607 216 {n}\n"),
});

}  // namespace

std::span<const Case> sequential_cases() { return all_sequential; }

}  // namespace ci::bench
