"""The samples were compiled with GCC 12.2 and run: the bad ones destroyed an object twice, the good ones did not."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lint_coroutines import check  # noqa: E402

BAD = [
    "co_return co_await f(Agg{t, 1});",
    "co_return co_await f({});",
    "co_return co_await fr(Agg{.n = 1});",
    "co_return g(Agg{{}, 1}, co_await five());",
    "Agg a{t, co_await five()};",
    "Agg a{.n = co_await five()};",
    "co_return Agg{.n = co_await five()};",
    "v.push_back({t, co_await five()});",
    "co_return (co_await five()) + id(Agg{t, 1}).n;",
    "co_return co_await call([t] { return 1; });",
    "co_return co_await call([u = std::move(t)] { return 1; });",
    "asio::post(co_await asio::this_coro::executor, [t]() {});",
    "auto s = ready ? co_await read() : std::string();",
    "auto s = co_await five() ? std::string(40, 'x') : std::string(40, 'y');",
    "co_return co_await hs(live > 99 ? std::string(40, 'x') : std::string(40, 'y'));",
    "if (Agg a = co_await f(Agg{t, 1}); a.n) co_return 1;",
]

GOOD = [
    "Agg a{t, 3}; co_return co_await f(std::move(a));",
    "co_return Agg{t, 3};",
    "v.push_back(Agg{t, 3}); co_await five();",
    "auto fn = [t] { return 1; }; co_return co_await call(std::move(fn));",
    "co_return co_await call([&] { Agg a{t, 3}; return id(Agg{t, 2}).n; });",
    "co_return co_await call([this, &t] { return 1; });",
    "co_return co_await h(Ctor(1));",
    "co_return co_await hs(std::string{\"abc\"});",
    "std::string s{co_await rs()};",
    "auto l = [&]() -> awaitable<int> { co_return (co_await ra()).n; }; co_return co_await l();",
    "if (co_await five()) { Agg a{t, 3}; } else co_return Agg{t, 1}.n;",
    "if (co_await five()) use(Agg{t, 3});",
    "for (auto& a : co_await va()) { Agg b{a.t, 1}; }",
    "try { co_await five(); } catch (const std::exception& e) { log(Agg{t, 1}); }",
    "switch (co_await five()) { case 1: { Agg a{t, 1}; break; } }",
    "auto text = R\"(co_await f(Agg{1}))\"; // co_await f(Agg{1})",
    "auto [a, n] = co_await ra();",
    "values[co_await five()] = 1'000;",
    "co_await wait(Bytes{5});  // gcc12: a number",
    "// gcc12: two numbers\nco_return ready ? co_await five() : 3;",
]


@pytest.mark.parametrize("sample", BAD)
def test_finds(sample):
    assert check("awaitable<int> test(int which) {\n" + sample + "\n}\n")


@pytest.mark.parametrize("sample", GOOD)
def test_leaves_alone(sample):
    assert check("awaitable<int> test(int which) {\n" + sample + "\n}\n") == []


def test_a_coroutine_inside_a_lambda_is_looked_at():
    source = "auto l = [t]() -> awaitable<int> { auto n = 1; co_return co_await f(Agg{t, n}); };"
    assert [line for line, _ in check(source)] == [1]


def test_declarations_do_not_confuse():
    source = """
    #define BRACES {1, 2}
    namespace ci::net {
    struct Point final : Base { int x{1}; int y{2}; };
    enum class Kind : int { one, two };
    Server::Server(Settings settings) : settings_{std::move(settings)}, count_(0) { start(Agg{t, 1}); }
    auto Server::run() const -> awaitable<void> {
      Point p{1, 2};
      co_await f(p);
    }
    template <class T> awaitable<T> pass(T value) { co_return value; }
    constexpr Row rows[] = {{1, "a"}, {2, "b"}};
    awaitable<void> last() {
      co_await f(
          Agg{t, 1});
    }
    }
    """
    assert [line for line, _ in check(source)] == [15]
