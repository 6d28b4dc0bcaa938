"""What is said of a broken rule: the words of apiextensions-apiserver 0.36.4, of which these were taken down."""

from typing import Any

import pytest

from porter.lab.apiserver.rules import RULES, broken

TEXT, COUNT = {"type": "string"}, {"type": "integer"}
PART, LIST = {"type": "object", "properties": {"x": COUNT}}, {"type": "array", "items": COUNT}


@pytest.mark.parametrize(
    ("schema", "value", "rule", "said"),
    [
        (TEXT, 'b"\\é', {"rule": "self == 'a'", "message": " must be a "}, 'Invalid value: "b\\"\\\\é": must be a'),
        (COUNT, 1, {"rule": "self > 5", "message": "is too low"}, "Invalid value: 1: is too low"),
        ({"type": "boolean"}, False, {"rule": "self", "message": "must be on"}, "Invalid value: false: must be on"),
        (PART, {"x": 1}, {"rule": "self.x > 5", "message": "x is too low"}, "Invalid value: x is too low"),
        (LIST, [1], {"rule": "self.size() > 5", "message": "is too short"}, "Invalid value: is too short"),
        (TEXT, "b", {"rule": "self == 'a' "}, "Invalid value: \"b\": failed rule: self == 'a'"),
        (TEXT, "b", {"rule": "self == 'a'", "message": "m", "reason": "FieldValueRequired"}, "Required value: m"),
        (TEXT, "b", {"rule": "self == 'a'", "message": "m", "reason": "FieldValueForbidden"}, "Forbidden: m"),
        (TEXT, "b", {"rule": "self == 'a'", "message": "m", "reason": "FieldValueDuplicate"}, 'Duplicate value: "b"'),
        (COUNT, 3, {"rule": "self > 5", "messageExpression": "'not ' + string(self)"}, "Invalid value: 3: not 3"),
    ],
)
def test_a_broken_rule_is_told_as_the_real_server_tells_it(
    schema: dict[str, Any], value: Any, rule: dict[str, str], said: str
) -> None:
    (found,) = broken(value, schema | {RULES: [rule]}, path="spec")

    assert (found.field, found.message, found.reason) == ("spec", said, rule.get("reason", "FieldValueInvalid"))


def test_a_rule_that_cannot_be_worked_out_is_told_with_the_type_and_the_rule() -> None:
    rule = {"rule": "10 / self > 1", "message": "divides"}

    (found,) = broken(0, COUNT | {RULES: [rule]}, path="spec")

    assert found.message.startswith('Invalid value: "integer": ')
    assert found.message.endswith(" by zero evaluating rule: divides")
