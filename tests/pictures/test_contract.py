import pytest
from pydantic import ValidationError

from pix2pix.pictures.contract import LARGEST, LabelClass, PictureContract

CLASSES = (LabelClass(name="sky", colour=(0, 0, 255)), LabelClass(name="road", colour=(9, 9, 9)))
CONTRACTS = [
    PictureContract(),
    PictureContract(channels=5, depth="float32", low=-2.5, high=0.125, suffix=".tif"),
    PictureContract(channels=1, depth="uint16", high=65535),
    PictureContract(classes=CLASSES),
    PictureContract(classes=CLASSES, one_hot=True),
]


def test_the_default_is_an_ordinary_picture() -> None:
    contract = PictureContract()
    assert (contract.channels, contract.depth, contract.low, contract.high) == (3, "uint8", 0, 255)
    assert contract.high == LARGEST[contract.depth]


@pytest.mark.parametrize(("contract", "channels"), list(zip(CONTRACTS, (3, 5, 1, 3, 2), strict=True)))
def test_a_tensor_has_the_channels_of_the_file_or_of_the_classes(
    contract: PictureContract, channels: int
) -> None:
    assert contract.tensor_channels == channels


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_survives_the_model_file(contract: PictureContract) -> None:
    assert PictureContract.model_validate_json(contract.model_dump_json()) == contract


def test_a_contract_cannot_be_changed_and_knows_no_other_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PictureContract().channels = 4
    with pytest.raises(ValidationError, match="Extra inputs"):
        PictureContract(bits=8)
    with pytest.raises(ValidationError, match="uint8"):
        PictureContract(depth="int8")
