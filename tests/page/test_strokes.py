"""Strokes at the edges of the frame, corners of polygons, and the width of the eraser."""

from __future__ import annotations

import numpy as np

from tests.page.conftest import Open
from tests.page.page_actions import RGB, choose, drag, pixels, spot, wait_for_result
from tests.page.page_server import example


def is_door(page: object) -> np.ndarray:
    return (pixels(page, "drawing") == RGB["door"]).all(axis=2)


def test_strokes_begin_and_end_outside_the_frame_and_in_its_corners(open_page: Open) -> None:
    page = open_page()
    edges = [page.locator(at).bounding_box()["x"] for at in ("#stage", "#drawing-title")]
    assert edges[0] == edges[1]  # the ring around the frame takes no room
    choose(page, "rectangle", "door")
    drag(page, (-2, -3), (20, 10))
    assert is_door(page)[:10, :20].all()
    page.click("#undo")
    page.mouse.click(*spot(page, 0.4, 0.4))  # where the frame's corner is round
    assert is_door(page).sum() == 8 * 24 + 1
    page.click("#undo")
    drag(page, (-3, 5), (-1, 20))  # nothing of it lies inside
    assert page.is_enabled("#redo")  # no stroke was added
    choose(page, "brush", "door")
    page.fill("#px", "3")
    drag(page, (-3, 20.5), (30, 20.5), (30, 80))
    drawn = is_door(page)
    assert drawn[19:22, :30].all()
    assert drawn[20:, 29:31].all()
    wait_for_result(page)


def test_a_polygon_is_closed_by_its_first_corner_and_kept_when_the_tool_changes(open_page: Open) -> None:
    page = open_page()
    choose(page, "polygon", "window")
    for corner in ((8, 8), (40, 8), (40, 30), (8, 30)):
        page.mouse.click(*spot(page, *corner))
    page.mouse.move(*spot(page, 20, 20))
    ring = page.get_attribute("#overlay .light", "d")
    assert ring  # shows which corner closes
    page.mouse.click(*spot(page, 8.6, 8.4))
    assert page.inner_text("#announcement") == "window, polygon of 4 corners"
    assert page.get_attribute("#overlay .light", "d") == ""
    for corner in ((44, 8), (60, 8), (60, 30)):
        page.mouse.click(*spot(page, *corner))
    choose(page, "rectangle")
    assert page.inner_text("#announcement") == "window, polygon of 3 corners"
    drawn = (pixels(page, "drawing") == RGB["window"]).all(axis=2)
    assert drawn[9:29, 9:39].all()
    assert drawn[10, 58]
    wait_for_result(page)


def test_the_eraser_is_wider_than_the_pen_and_keeps_its_width(open_page: Open) -> None:
    page = open_page("shoes")
    drag(page, (5, 30), (60, 30))
    assert page.input_value("#px") == "1"
    choose(page, "eraser")
    assert page.input_value("#px") == "15"
    page.fill("#px", "20")
    choose(page, "brush")
    assert page.input_value("#px") == "1"
    choose(page, "eraser")
    assert page.input_value("#px") == "20"
    drag(page, (5, 36), (60, 36))
    assert np.ptp(pixels(page, "drawing")) == 0
    assert example(1, target=False).any()
