"""The part of docs/errors.md that is made from the exception classes; as a script, it rewrites the page."""

import inspect
import re
from pathlib import Path

from airflow_provider_encord import exceptions

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
COMMAND = ".venv/bin/python tests/support/errors_page.py"
BEGIN, END = "<!-- made from exceptions.py -->\n", "<!-- end of what is made -->\n"


def table(*rows: tuple[str, ...]) -> str:
    head, *body = rows
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * len(head), *body))


def markdown(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def class_row(kind: type) -> tuple[str, ...]:
    retried = "no, fails at once" if issubclass(kind, exceptions.AirflowFailException) else "yes"
    when = markdown(inspect.cleandoc(kind.__doc__).split("\n\n")[0]).removesuffix(".")
    return f"`{kind.__name__}`", f"`{kind.__bases__[0].__name__}`", when, retried


def made() -> str:
    classes = [each for each in vars(exceptions).values() if getattr(each, "__module__", "") == exceptions.__name__]
    documented = inspect.getdoc(exceptions.EncordError)
    attributes = re.findall(r"^:param (\w+): (.*?)\.$", documented, re.MULTILINE)
    return "\n".join(
        (
            table(("Class", "Base", "Raised when", "Retried by Airflow"), *map(class_row, classes)),
            "Attributes of all of them; what is not known is `None` or empty:\n",
            table(("Attribute", "Holds"), *((f"`{name}`", text) for name, text in attributes if name != "message")),
        )
    )


def with_made_part(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{made()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_made_part(PAGE.read_text()))
