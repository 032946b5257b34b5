from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compare.names import NO_FRAMEWORK
from compare.proofs.parity import PROBABILITIES
from compare.studies import answering_speed, benchmark
from compare.studies.benchmark import (
    MEASURED,
    PARTS,
    Plan,
    Product,
    busy_processes,
    matrix_products,
    run_benchmark,
    share_of_products,
    training_operations,
)
from compare.studies.tables import answering_table, reading_table, speed_table
from compare.tables import as_markdown
from shared.errors import LockstepError
from shared.files import seal
from shared.output import MARK, PAGE, Output
from shared.specification import Specification


def benchmarked(plan: Plan, out: Path, overwrite: bool = False) -> None:
    """Measure as the command does."""
    places = [Output(path, PAGE, overwrite=overwrite) for path in (out, out.with_suffix(".svg"))]
    with places[0], places[1]:
        run_benchmark(plan, *places)


def test_operations_by_hand() -> None:
    one = Specification(architecture="lstm", vectors="random", embedding_size=3, hidden_size=2)
    # A word's products: [3] x [3, 8] and [2] x [2, 8], two operations each, and twice as many backward.
    assert training_operations(one, tokens=1) == 3 * 2 * (3 * 8 + 2 * 8)
    assert training_operations(one, tokens=10) == 10 * training_operations(one, tokens=1)
    assert training_operations(one.replaced(architecture="gru"), 1) == 0.75 * training_operations(one, 1)
    assert training_operations(one.replaced(architecture="bilstm"), 1) == 2 * training_operations(one, 1)
    # The second layer of a BiLSTM reads both directions: [4] x [4, 8] in each.
    deep = training_operations(one.replaced(architecture="bilstm", layers=2), 1)
    assert deep == 2 * training_operations(one, 1) + 2 * 3 * 2 * (4 * 8 + 2 * 8)


def test_products_by_hand() -> None:
    one = Specification(architecture="lstm", vectors="random", embedding_size=3, hidden_size=2, batch_size=4)
    assert matrix_products(one, words=20) == {
        Product(20, 3, 8): 1,
        Product(4, 2, 8): 5,
        Product(4, 8, 2): 5,
        Product(20, 8, 3): 1,
        Product(3, 20, 8): 1,
        Product(2, 20, 8): 1,
    }
    # What is of the same shape is counted together: here both kernels' gradients, in two directions.
    square = one.replaced(architecture="bilstm", embedding_size=2)
    assert matrix_products(square, words=20)[Product(2, 20, 8)] == 4
    # The second layer reads both directions.
    assert matrix_products(square.replaced(layers=2), words=20)[Product(20, 4, 8)] == 2


def test_share_of_a_training_that_takes_as_long_as_its_products() -> None:
    one = Specification(architecture="gru", vectors="random", embedding_size=3, hidden_size=2, batch_size=4)
    products = matrix_products(one, words=20)
    rates = {product: product.operations / 1e-3 for product in products}  # each takes a millisecond
    seconds = (4 + 2 * 5) * 1e-3  # four products of all words, two of each of five steps
    assert share_of_products(products, rates, threads=1, seconds=seconds) == pytest.approx(1)
    assert share_of_products(products, rates, threads=2, seconds=seconds) == pytest.approx(0.5)


def end_early(started: list[subprocess.Popen[bytes]], error: type[BaseException]) -> None:
    with busy_processes(2) as processes:
        started.extend(processes)
        assert all(process.poll() is None for process in processes)
        raise error


@pytest.mark.parametrize("error", [LockstepError, KeyboardInterrupt])
def test_busy_processes_end_with_an_error(error: type[BaseException]) -> None:
    started: list[subprocess.Popen[bytes]] = []
    with pytest.raises(error):
        end_early(started, error)
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_a_table_of_an_earlier_version_is_shown() -> None:
    quartiles = {"low": 1.0, "median": 2.0, "high": 3.0}
    both = {"lockstep": quartiles, "idiomatic": quartiles}
    row = {"framework": "keras", "architecture": "lstm", "ratio": quartiles, "prediction": both, "harness_share": 0.01}
    lines = as_markdown(speed_table({"speed": {"rows": [{**both, **row}]}}), caption=False).splitlines()
    assert "| time for matrix products alone, % | beside busy processes, times the fair time ↓ |" in lines[0]
    assert lines[2] == "| Keras LSTM | 2 | 2 | 2.00 (1.00–3.00) | 2 | 2 | – | – | 1.00 |"


def test_a_small_benchmark_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = MEASURED.replaced(reviews=300, max_length=20, hidden_size=4, embedding_size=4, data="packaged")
    monkeypatch.setattr(benchmark, "MEASURED", small)
    monkeypatch.setattr(benchmark, "RATE_SECONDS", 0.01)
    monkeypatch.setattr(answering_speed, "ANSWERING", small)
    monkeypatch.setattr(benchmark, "LEARNING", benchmark.LEARNING.replaced(reviews=300, vectors="random"))
    monkeypatch.setattr(benchmark, "LENGTHS_READ", (5, 10))
    monkeypatch.setattr(benchmark, "ACCURACIES", (0.1, 1.0))
    monkeypatch.setattr(benchmark, "GROWTH", {"reviews": ((64, 640), {"length": 10, "hidden_size": 4})})
    plan = Plan(("pytorch",), ("lstm",), 1, "packaged", "none", PARTS, busy=2, texts=2_000)
    benchmarked(plan, tmp_path / "benchmark.json")
    found = json.loads((tmp_path / "benchmark.json").read_text())
    assert tuple(found) == ("made_by", *PARTS, "checksum")
    (result,) = found["speed"]["rows"]
    assert result["ratio"]["median"] == pytest.approx(result["lockstep"]["median"] / result["idiomatic"]["median"])
    share = result["share_of_same_shape_products"]
    assert 0 < share["low"] <= share["median"] <= share["high"] < 1
    assert result["contended_ratio"]["median"] > 0
    assert found["speed"]["busy"] == 2
    assert all(len(product["rates"]) == 1 and product["rates"][0] > 0 for product in result["products"])
    assert "beside 2 busy processes, times the fair time ↓ |" in as_markdown(speed_table(found))
    assert result["prediction"]["lockstep"]["median"] > 0
    (learning,) = found["learning"]["rows"]
    fastest = min(run["seconds"] for run in learning["runs"])
    assert learning["seconds_to"] == {"0.10": fastest, "1.00": None}
    (growth,) = found["growth"]["rows"]
    slope = np.log(growth["seconds"][1] / growth["seconds"][0]) / np.log(10)
    assert growth["exponent"] == pytest.approx(slope)
    assert (tmp_path / "benchmark.svg").read_text().startswith("<svg")
    predicted = [row for row in found["reading"]["rows"] if row["what"] == "predict --input"]
    assert [row["texts"] for row in predicted] == [200, 2_000]
    assert all(row["peak_memory_mb"] > 10 for row in predicted)
    assert "| encoding IMDB, warm | 25,000 |" in as_markdown(reading_table(found))
    rows = {row["name"]: row for row in found["answering"]["rows"]}
    assert list(rows) == [NO_FRAMEWORK, "pytorch"]
    assert rows[NO_FRAMEWORK]["difference"] == 0
    assert rows["pytorch"]["difference"] <= PROBABILITIES
    assert rows["pytorch"]["peak_memory_mb"] > rows[NO_FRAMEWORK]["peak_memory_mb"], "PyTorch alone is larger"
    ratio = rows["pytorch"]["first_answer"][0] / rows[NO_FRAMEWORK]["first_answer"][0]
    (line,) = [one for one in as_markdown(answering_table(found)).splitlines() if one.startswith("| PyTorch |")]
    assert f"(× {ratio:.2g})" in line


def test_parts_that_are_not_measured_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "GROWTH", {"reviews": ((64, 640), {"length": 10, "hidden_size": 4})})
    out = tmp_path / "benchmark.json"
    earlier = {"made_by": MARK, "speed": {"rows": ["as it was"]}, "growth": {"rows": ["to be replaced"]}}
    out.write_text(json.dumps(seal(earlier)))
    benchmarked(Plan(("pytorch",), ("lstm",), 1, None, None, ("growth",)), out)
    found = json.loads(out.read_text())
    assert found["speed"] == {"rows": ["as it was"]}
    assert found["growth"]["rows"][0]["framework"] == "pytorch"
    assert found["growth"]["machine"]["cores"] > 0
    for text in ("not JSON", '{"accuracy": 1}'):
        out.write_text(text)
        with pytest.raises(LockstepError, match=r"benchmark\.json: exists; pass --overwrite"):
            benchmarked(Plan(("pytorch",), ("lstm",), 1, None, None, ("growth",)), out)
        with pytest.raises(LockstepError, match=r"benchmark\.json: (not|is not) what a benchmark wrote"):
            benchmarked(Plan(("pytorch",), ("lstm",), 1, None, None, ("growth",)), out, overwrite=True)
        assert out.read_text() == text
