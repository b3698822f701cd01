"""What the server's answer says otherwise than the plain tool, and why. docs/languages.md tells it to users; a difference that is not
here is a fault. Programs are compared after these have been applied to both sides."""

import re


def as_answered(ran):
    """What the server makes of any program's end, in every language: white space at the ends goes, bytes that are not UTF-8 are replaced,
    and an end that says nothing is told in words (tests/api/test_exec.py has the details)."""
    stdout, stderr = _shaped(ran.stdout), _shaped(ran.stderr)
    if name := SIGNALS.get(ran.code - 128):
        line = f"Process terminated by signal {name}"
        stderr = f"{stderr}\n{line}" if stderr else line
    elif ran.code and not stderr:
        stderr = f"Code execution failed with exit code {ran.code}"
    return (stdout + "\n" if stdout else ""), stderr


def status_of(answer):
    """As a shell says it."""
    numbers = {name: number for number, name in SIGNALS.items()}
    return 128 + numbers[answer["signal"]] if answer["code"] is None else answer["code"]


SIGNALS = {2: "SIGINT", 4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM"}


def _shaped(text):
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text).rstrip()
    return re.sub(r"\A(?:[ \t\r]*\n)+", "", text)


# (language, what is looked for, what it becomes, reason)
DIFFERENCES = [
    ("py", r"started [0-9]{6,}", "started THREAD", "numbers of threads differ from process to process"),
    ("py", r"0x[0-9a-f]{6,}", "0xADDRESS", "addresses differ from process to process"),
    ("py", r"(?:\A|\n)Not kept for later runs of this session: .*", "", "what the next run of the session will not find is said"),
    ("py", r"(Exception ignored in: .*\nTraceback .*\n  File .*\n)    .*\n(?: +[~^]+\n)?", r"\1", "the source line is still there when a failing __del__ is told of at the end"),
    ("py", r"\n\nExtension modules: .*", "", "modules are imported ahead of time"),
    *((lang, r"/(build|tmp)/cc\w{6}\.o", "OBJECT", "compilers put what they make into /build") for lang in ("c", "cpp", "f90")),
    *((lang, r"0x[0-9a-f]+", "0xADDRESS", "addresses differ from process to process, and with what makes linking quick") for lang in ("go", "f90", "d")),
    ("rs", r"thread '(.*)' \(\d+\)", r"thread '\1' (NUMBER)", "numbers of threads are those of the sandbox"),
    ("py", r"\b(line_buffering)=?(True|False)", r"\1", "stdout is written line by line, so that nothing is lost when a program is ended"),
]


def without_differences(lang, text):
    for language, pattern, replacement, _ in DIFFERENCES:
        if language == lang:
            text = re.sub(pattern, replacement, text)
    return text
