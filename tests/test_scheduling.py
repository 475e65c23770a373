"""Which tests one worker takes whole."""

from tests.scheduling import ROOT, TOGETHER, group_of


def test_every_file_whose_tests_stay_together_is_there() -> None:
    assert [name for name in TOGETHER if not (ROOT / name).is_file()] == []


def test_a_module_that_shares_a_fixture_of_its_own_stays_together() -> None:
    assert group_of("tests/test_base_install.py") == "tests/test_base_install.py"
    assert group_of("tests/system/test_pages.py") == group_of("tests/system/test_command_pages.py") == "pages"
    assert group_of("tests/test_scheduling.py") is None
