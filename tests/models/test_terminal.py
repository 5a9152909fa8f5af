"""What the commands share at a terminal: what is checked before they begin, and how they end."""

from pathlib import Path

import pytest
from typer import Exit

from models.evaluation.terminal import check_installed, errors_shown
from store.errors import Unavailable


def test_a_package_that_is_missing_is_named_before_anything_begins() -> None:
    with pytest.raises(Unavailable, match="no_such_package is not installed; install Lector with its extra `train`"):
        check_installed("json", "no_such_package")


@pytest.mark.parametrize(("stays", "said"), [("", "Interrupted.\n"), ("--index", "What --index holds stays; run")])
def test_an_interruption_says_what_stays(capsys: pytest.CaptureFixture[str], stays: str, said: str) -> None:
    with pytest.raises(Exit), errors_shown("lector evaluate reader", stays):
        raise KeyboardInterrupt
    assert said in capsys.readouterr().err


def test_what_the_system_refuses_is_said_in_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Exit) as exit_, errors_shown("lector train reader"):
        (tmp_path / "file" / "out").mkdir()
    assert exit_.value.exit_code == 2
    assert "lector train reader: [Errno 20] Not a directory" in capsys.readouterr().err
