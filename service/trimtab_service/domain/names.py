"""Names of studies and trials."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidArgument

IDENTIFIER = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, order=True)
class StudyName:
    """namespaces/{namespace}/studies/{study}."""

    namespace: str
    study: str

    def __str__(self) -> str:
        return f"namespaces/{self.namespace}/studies/{self.study}"

    @classmethod
    def parse(cls, text: str) -> StudyName:
        """Raises InvalidArgument with an empty field."""
        match text.split("/"):
            case ["namespaces", namespace, "studies", study] if IDENTIFIER.fullmatch(
                namespace
            ) and IDENTIFIER.fullmatch(study):
                return cls(namespace, study)
        raise InvalidArgument("", f"{text[:200]!r} is not of the form namespaces/{{namespace}}/studies/{{study}}")


def check_identifier(text: str) -> str:
    """The text if it can be the id of a study or namespace; InvalidArgument otherwise."""
    if not IDENTIFIER.fullmatch(text):
        raise InvalidArgument(
            "",
            f"{text[:80]!r} is not an id: a lowercase letter, then lowercase letters, digits and -, "
            "63 at most, not ending in -",
        )
    return text


@dataclass(frozen=True, slots=True)
class TrialName:
    """namespaces/{namespace}/studies/{study}/trials/{number}."""

    study: StudyName
    number: int

    def __str__(self) -> str:
        return f"{self.study}/trials/{self.number}"

    @classmethod
    def parse(cls, text: str) -> TrialName:
        """Raises InvalidArgument with an empty field."""
        head, _, last = text.rpartition("/trials/")
        if re.fullmatch(r"[1-9][0-9]{0,17}", last):
            try:
                return cls(StudyName.parse(head), int(last))
            except InvalidArgument:
                pass
        raise InvalidArgument(
            "", f"{text[:200]!r} is not of the form namespaces/{{namespace}}/studies/{{study}}/trials/{{number}}"
        )
