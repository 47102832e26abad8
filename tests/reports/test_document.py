import pytest

from pix2pix.reports.document import document, gallery


def test_a_document_is_a_whole_page():
    text = document("a <title>", "<p>$body & all</p>")
    assert text.startswith("<!doctype html>")
    assert "<title>a &lt;title&gt;</title>" in text
    assert "<p>$body & all</p>" in text
    assert 'http-equiv="refresh"' not in text


def test_a_gallery_has_titles_and_alternative_texts():
    text = gallery([["1/a.png", "1/b.png"], ['2/".png', "2/b.png"]], ["source", "out & put"])
    assert text.count("<tr>") == 3
    assert '<th scope="col">out &amp; put</th>' in text
    assert '<img src="2/&quot;.png" alt="source, row 2">' in text


def test_a_gallery_refuses_a_row_that_is_too_short():
    with pytest.raises(ValueError, match="longer"):
        gallery([["a.png"]], ["source", "target"])
