import io

from pix2pix.pictures.formats.jpeg import count_scans
from tests.helpers import noise
from tests.serve.helpers import file_of


def test_scans_are_counted_only_where_there_may_be_many() -> None:
    baseline, progressive = (file_of(noise(32, 32), "JPEG", progressive=mode) for mode in (False, True))
    assert count_scans(io.BytesIO(baseline)) == 1
    assert count_scans(io.BytesIO(progressive)) == progressive.count(b"\xff\xda") > 5
    assert count_scans(io.BytesIO(b"\xff\xd8\xff")) == 0
