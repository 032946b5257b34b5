from __future__ import annotations

import re

import pytest

from lessons.cleaning_speed import main


def test_both_ways_are_timed_on_every_step(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lessons.cleaning_speed.show_encoding", lambda console: None)
    assert main(["--reviews", "300", "--sample", "20"]) == 0
    said = capsys.readouterr().out
    ratios = dict(re.findall(r"│ (html|stemming|lemmatization|stop_words|every step) .* ([\d.]+) +│", said))
    assert len(ratios) == 5
    assert float(ratios["html"]) > 3, "a parser against three regular expressions"
    assert "ours of 300, the tutorials' way of 20 of them" in " ".join(said.split())


@pytest.mark.parametrize("sample", ["0", "400"])
def test_a_sample_is_of_the_reviews(sample: str) -> None:
    with pytest.raises(SystemExit):
        main(["--reviews", "300", "--sample", sample])
