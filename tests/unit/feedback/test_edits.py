import pytest

from feedback.edits import compare

ANSWER = "The museum opens at 9 in the morning and you can buy a ticket at the entrance."


@pytest.mark.parametrize(
    ("edited", "kind"),
    [
        (ANSWER.upper(), "unchanged"),
        (ANSWER.replace("a ticket", "the ticket"), "style"),
        (ANSWER.replace("9", "10"), "content"),
        (ANSWER.replace("you can", "you cannot").replace("can not", "cannot"), "content"),
        ("It is closed on Mondays.", "content"),
        ("", "content"),
    ],
)
def test_type_of_an_edit(edited, kind):
    assert compare(ANSWER, edited).type == kind


def test_distance_grows_with_what_changed_and_has_its_ends():
    distances = [compare(ANSWER, text).distance for text in (ANSWER, ANSWER.replace("ticket", "pass"), "None of it")]
    assert distances == sorted(distances)
    assert (distances[0], distances[-1]) == (0, 1)
