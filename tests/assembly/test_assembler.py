"""Documents of templates and answers: what templates may, what they may not, and how a failure names its place."""

from decimal import Decimal

import pytest

from soapsvc.assembly import process
from soapsvc.assembly.assembler import AssemblyLimits, assemble, environment_of
from soapsvc.domain.document import TemplatePackage, template_of_file
from soapsvc.domain.version_errors import AssemblyFailed, InvalidTemplatePackage

ANSWERS = {
    "Customer": "Adler & <Sons>",
    "Amount": Decimal("12.50"),
    "Count": 3,
    "Paid": True,
    "Nothing": None,
    "Items": ["one", Decimal("2.0")],
    "Closing line": "Yours",
}
LIMITS = AssemblyLimits(seconds=30.0, document_bytes=1_000)


def package(**sources: str) -> TemplatePackage:
    templates = [template_of_file("letters", name.replace("_", "."), text.encode()) for name, text in sources.items()]
    return TemplatePackage(id="letters", templates=templates)


def failure(limits: AssemblyLimits = LIMITS, **sources: str) -> AssemblyFailed:
    with pytest.raises(AssemblyFailed) as failed:
        assemble(package(**sources), ANSWERS, limits)
    return failed.value


def test_documents_come_in_the_order_of_their_templates_with_the_answers_in_them():
    made = assemble(
        package(
            b_txt="Dear {{ Customer }},\n{% for a in Items %}- {{ a }}\n{% endfor %}{{ answers['Closing line'] }}\n",
            a_html="<p>{{ Customer }} {{ Nothing }}</p>",
            c_md="{{ Amount }} {{ Count + 1 }} {% if Paid %}paid{% endif %}{% include 'a.html' %}",
        ),
        ANSWERS,
        LIMITS,
    )

    assert [(one.name, one.media_type) for one in made] == [
        ("b.txt", "text/plain; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("c.md", "text/markdown; charset=utf-8"),
    ]
    assert made[0].content.decode() == "Dear Adler & <Sons>,\n- one\n- 2.0\nYours\n"
    assert made[1].content.decode() == "<p>Adler &amp; &lt;Sons&gt; </p>"
    assert made[2].content.decode().startswith("12.50 4 paid<p>")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("fine\n{% if %}", 2, "Expected an expression"),
        ("fine\n\n{{ Unknown }}", 3, "'Unknown' is undefined"),
        ("{{ 1 // 0 }}", 1, "ZeroDivisionError"),
        ("{{ ''.__class__.__mro__ }}", 1, "unsafe"),
        ("{{ Items.append(1) }}", 1, "unsafe"),
        ("{{ range(10000000) | list | length }}", 1, "Range too big"),
        ("{% include '/etc/passwd' %}", 1, "/etc/passwd"),
        ("{% include 'missing.txt' %}", 1, "missing.txt"),
    ],
)
def test_a_template_that_fails_is_named_with_its_line(text, line, reason):
    error = failure(fine_txt="fine", bad_txt=text)
    assert (error.template, error.line) == ("bad.txt", line)
    assert reason in str(error)


def test_a_template_that_is_not_text_is_named():
    bad = TemplatePackage(id="letters", templates=[template_of_file("letters", "a.txt", b"\xff")])
    with pytest.raises(AssemblyFailed, match="UTF-8"):
        assemble(bad, ANSWERS, LIMITS)


def test_what_takes_too_long_is_ended_and_named():
    forever = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    error = failure(AssemblyLimits(seconds=1.5), fine_txt="fine", slow_txt=forever)
    assert "seconds" in str(error) or "time" in str(error)


def test_what_takes_too_much_memory_is_ended_and_named():
    error = failure(AssemblyLimits(seconds=30.0, memory_bytes=256_000_000), a_txt="{{ 'x' * 999999999 }}")
    assert (error.template, "memory" in str(error)) == ("a.txt", True)


def test_all_documents_together_stay_within_their_limit():
    assert failure(a_txt="x" * 600, b_txt="x" * 600).template == "b.txt"


def test_the_process_does_not_see_the_services_environment():
    assert environment_of({"SOAPSVC_SECRET_KEYS": "secret", "PATH": "/bin", "HOME": "/"}) == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: TemplatePackage(id=" ", templates=[template_of_file("x", "a.txt", b"")]), "id"),
        (lambda: TemplatePackage(id="letters", templates=[]), "1 to"),
        (lambda: TemplatePackage(id="letters", templates=[template_of_file("x", "a.txt", b"")] * 2), "one name"),
        (lambda: TemplatePackage(id="letters", templates=[template_of_file("x", "a/b.txt", b"")]), "file"),
        (lambda: TemplatePackage(id="letters", templates=[template_of_file("x", "a.txt", b"x" * 1_000_001)]), "bytes"),
        (lambda: template_of_file("letters", "a.exe", b""), "none of"),
    ],
)
def test_a_package_that_cannot_be_used_is_refused(make, reason):
    with pytest.raises(InvalidTemplatePackage, match=reason):
        make()


def test_a_system_without_limits_leaves_them_to_the_parent(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "resource", None)
    process._limit(1, 1.0)
