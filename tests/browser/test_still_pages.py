"""The report and the museum in a real browser: on a phone, in the dark, without a network."""

import pytest

from tinygrad_edu import nn, viz

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", [360, 1100])
def test_the_museum_opens_everywhere(visit, tmp_path, width):
    seen = visit("still.mjs", viz.museum().save(tmp_path / "museum.html"), width=width, dark=True)
    assert seen["errors"] == []
    assert seen["requests"] == []
    assert seen["wide"] <= 0
    assert len(seen["headings"]) == len(viz.museum().exhibits)


@pytest.mark.parametrize("width", [360, 1100])
def test_a_report_opens_everywhere(visit, tmp_path, width):
    x, y = nn.data.moons(60, noise=0.1, rng=0)
    model = nn.Sequential(nn.Dense(2, 4, activation="tanh", rng=0), nn.Dense(4, 2, rng=1))
    adam = nn.Adam(model.parameters(), lr=0.05)
    history = nn.fit(model, (x, y), nn.softmax_cross_entropy, adam, epochs=3, rng=0, progress=False)
    loss = nn.softmax_cross_entropy(model(x[:4]), y[:4])
    cells = viz.plot_confusion(nn.confusion_matrix(model(x), y))
    page = viz.report(history, model=model, graph=loss, figures={"Confusion": cells}, notes="Three epochs.")
    seen = visit("still.mjs", page.save(tmp_path / "report.html"), width=width)
    assert seen["errors"] == []
    assert seen["requests"] == []
    assert seen["broken"] == 0
    assert seen["wide"] <= 0
    assert seen["headings"][0] == "Numbers"
