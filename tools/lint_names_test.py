"""Two sources of a folder, each with an anonymous namespace."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lint_names import problems  # noqa: E402


def found(tmp_path, one, other, name="other.cc", folder="net"):
    for path, inside in ((tmp_path / "net/one.cc", one), (tmp_path / folder / name, other)):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"namespace ci::net {{\n\nnamespace {{\n\n{inside}\n\n}}  // namespace\n\n}}  // namespace ci::net\n")
    return list(problems(tmp_path))


@pytest.mark.parametrize(
    "one, other",
    [
        ("constexpr std::size_t most = 3;", "const std::string most{};"),
        ("constexpr const char* names[] = {};", "constexpr std::array<int, 2> names = {1, 2};"),
        ("struct Part {\n  int most;\n};", "class Part {\n};"),
        ("using Clock = std::chrono::steady_clock;", "using Clock = std::chrono::system_clock;"),
        ("using sandbox::Reader;", "struct Reader {};"),
        ("void say(int number, const std::string& text) {\n}", "int say(int n, const std::string& words = {}) {\n}"),
        ("template <class T>\nT value_of(\n    const Map<int, T>& map) {\n}", "template <class U>\nU value_of(const Map<int, T>& all) {\n}"),
        ("int most = 3;", "int most() { return 3; }"),
        ("constexpr int least = 1, most = 3;", "constexpr int most = 3;"),
    ],
)
def test_a_name_stands_once_in_a_folder(tmp_path, one, other):
    assert len(found(tmp_path, one, other)) == 1
    (tmp_path / "net/one.cc").unlink()
    assert not list(problems(tmp_path))


@pytest.mark.parametrize(
    "one, other",
    [
        ("void say(int number) {\n}", "void say(std::string_view text) {\n}"),
        ("using Clock = std::chrono::steady_clock;", "using Clock = std::chrono::steady_clock;"),
        ("using testing::Reader;", "using ::testing::Reader;"),
        ("void one() {\n  int most = 3;\n}", "void other() {\n  int most = 3;\n}"),
        ('constexpr auto one = R"(\nint most = 3;\n)";', 'constexpr auto other = R"(\nint most = 3;\n)";'),
    ],
)
def test_what_may_be_together_is_not_reported(tmp_path, one, other):
    assert not found(tmp_path, one, other)


def test_other_folders_and_tests_are_compiled_apart(tmp_path):
    assert not found(tmp_path, "int most = 3;", "int most = 4;", folder="api")
    (tmp_path / "api/other.cc").unlink()
    assert not found(tmp_path, "int most = 3;", "int most = 4;", name="other_test.cc")
