"""Which answers lack the form that was asked for."""

import pytest

from serving.rollout.form import breaks_form

CALL = '<tool_call>\n{"name": "find", "arguments": {"city": "Rome"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "reason", "wanted", "has_tools", "breaks"),
    [
        ("A card is on its way.", "stop", None, False, False),
        ("A card is on its", "length", None, False, True),
        ("", "content_filter", None, False, True),
        ('{"city": "Rome"}', "stop", "json_object", False, False),
        ("Rome", "stop", "json_object", False, True),
        ('{"city": ', "stop", "json_schema", False, True),
        ("Rome", "stop", "text", False, False),
        (CALL, "stop", None, True, False),
        (CALL, "stop", "json_object", True, False),
        ("<tool_call>\nfind Rome\n</tool_call>", "stop", None, True, True),
        ("<tool_call> is how calls begin", "stop", None, False, False),
        ("No call is needed.", "stop", None, True, False),
    ],
)
def test_form(text, reason, wanted, has_tools, breaks):
    assert breaks_form(text, reason, wanted, has_tools=has_tools) == breaks
