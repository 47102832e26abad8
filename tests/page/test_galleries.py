"""Known pairs and models, chosen by their pictures."""

from __future__ import annotations

import numpy as np

from tests.page.conftest import Open
from tests.page.page_actions import pixels, wait_for, wait_for_focus, wait_for_result
from tests.page.page_server import example

# The colours of a thumbnail above and below its diagonal.
SEEN = """number => [40, 120].map((at) => {
    const canvas = document.querySelectorAll("#examples canvas")[number];
    return [...canvas.getContext("2d").getImageData(at, 20, 1, 1).data].slice(0, 3).join();
})"""


def test_pairs_and_models_are_chosen_by_pictures_and_keys(open_page: Open) -> None:
    page = open_page()
    wait_for_result(page)
    assert page.locator("#examples button").count() == 3
    assert page.get_attribute("#examples button >> nth=0", "aria-pressed") == "true"
    wait_for(page, f"number => ({SEEN})(number)[0] === '13,61,251'", 1)  # the source's wall
    page.focus("#examples button >> nth=1")
    page.keyboard.press("Enter")
    wait_for(page, "document.querySelectorAll('#examples button')[1].ariaPressed === 'true'")
    wait_for_result(page)
    assert np.array_equal(pixels(page, "drawing"), example(2, target=False))

    page.focus("#model")
    page.keyboard.press("Enter")
    assert page.locator(".gallery button").all_inner_texts()[0].split("\n")[0] == "facades"
    wait_for(page, "document.activeElement.value === 'facades'")
    while page.evaluate("document.activeElement.value") != "shoes":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(page, "document.body.dataset.kind === 'sketch'")
    assert page.inner_text("#model-name") == "shoes"
    assert not page.is_visible("#examples")
    wait_for_focus(page, "model")


def test_a_popover_tells_what_the_model_learned_from(open_page: Open) -> None:
    page = open_page()
    page.focus("#about")
    page.keyboard.press("Enter")
    facts = page.inner_text("#about-model").splitlines()
    assert facts[0] == "facades"
    known = {
        "Learned from pairs": "400",
        "Images seen": "80,000",
        "Scores": "L1 0.212, PSNR 28.7 dB",
        "Weights": "54.4 million",
    }
    for label, value in known.items():
        assert facts[facts.index(label) + 1] == value
    assert "not stated" in facts
    page.keyboard.press("Escape")
    assert not page.is_visible("#about-model")
    page.select_option("#language", "zh")
    page.click("#about")
    facts = page.inner_text("#about-model").splitlines()
    assert "未说明" in facts
    assert facts[facts.index("权重") + 1] == "5440万"
    assert facts[facts.index("起始模型") + 1] == "已看过 9,000 张图片的模型，连同判别器"
