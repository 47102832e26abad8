from pathlib import Path

import pytest

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.training.idle import refuse_idle, refuse_switched_off

LABELS = "data.source_labels=facades"


def refuse(settings: list[str], data: str = "pairs", written: Path = Path("nothing")) -> None:
    config = Config.load(None, settings)
    refuse_idle(config, [data], written)
    refuse_switched_off(config, settings, written)


@pytest.mark.parametrize(
    ("setting", "others"),
    [
        ("data.snap_labels=true", []),
        ("data.colour_half=source", []),
        ("data.source_labels=facades", ["data.make=gray"]),
        ("data.source_one_hot=true", ["data.make=gray"]),
        ("data.target_labels=facades", ["data.make=gray"]),
        ("data.target_one_hot=true", ["data.make=gray"]),
        ("data.source_range=[0, 9]", ["data.make=gray"]),
        ("data.source_range=[0, 9]", [LABELS]),
        ("data.target_range=[0, 9]", ["data.target_labels=facades"]),
        ("data.target_range=[0, 9]", ["data.make=lab"]),
        ("data.layout=side-by-side", ["data.make=gray"]),
        ("data.pair=['{}_a', '{}_b']", ["data.make=gray"]),
        ("data.labels=auto", ["data.make=gray"]),
        ("data.source_column=a", ["data.target_column=b"]),
        ("model.blocks=3", []),
        ("model.dropout_from=1", ["model.generator=resnet"]),
        ("model.dropout_from=1", ["model.dropout=0"]),
        ("model.blocks=3", ["model.generator=encoder_decoder"]),
        ("training.extend=decay", []),
        ("objective.conditional=false", ["objective.gan=0"]),
        ("objective.adversarial=lsgan", ["objective.gan=0"]),
        ("model.discriminator_px=16", ["objective.gan=0"]),
        ("model.discriminator_width=8", ["objective.gan=0"]),
    ],
)
def test_a_setting_without_effect_is_refused_by_name(setting: str, others: list[str]) -> None:
    with pytest.raises(UserError, match=rf"^{setting.partition('=')[0]} has no effect here: "):
        refuse([*others, setting])


@pytest.mark.parametrize("data", ["hub:x/y", "list.csv", "LIST.JSONL"])
@pytest.mark.parametrize("setting", ["data.layout=A:B", "data.pair=['{}_a', '{}_b']"])
def test_how_pairs_are_found_is_refused_where_data_lists_its_pairs(setting: str, data: str) -> None:
    with pytest.raises(UserError, match="has no effect here: DATA lists its pairs"):
        refuse([setting], data)


def test_one_column_of_two_is_refused() -> None:
    with pytest.raises(UserError, match="only one of the two columns is named"):
        refuse(["data.source_column=a"], "hub:x/y")


@pytest.mark.parametrize(
    ("settings", "data"),
    [
        ([], "pairs"),
        ([LABELS, "data.snap_labels=true"], "pairs"),
        (["data.colour=0.2", "data.colour_half=source"], "pairs"),
        (["data.make=gray", "data.target_range=[0, 9]"], "pairs"),
        (["data.source_range=[0, 9]", "data.target_labels=facades"], "pairs"),
        (["data.source_column=a", "data.target_column=b"], "hub:x/y"),
        (["model.generator=resnet", "model.blocks=3"], "pairs"),
        (["model.dropout_from=1"], "pairs"),
        (["training.schedule=linear", "training.extend=decay"], "pairs"),
        (["objective.conditional=false", "model.discriminator_px=16"], "pairs"),
    ],
)
def test_settings_with_an_effect_pass(settings: list[str], data: str) -> None:
    refuse(settings, data)


@pytest.mark.parametrize("recipe", ["demo", "facades", "scorer", "paper", "colorize", "inpaint"])
def test_recipes_pass_without_a_discriminator_too(recipe: str) -> None:
    config = Config.load(recipe, ["objective.gan=0"])
    refuse_idle(config, ["pairs"], Path("nothing"))
    refuse_switched_off(config, ["objective.gan=0"], Path("nothing"))


def test_a_run_that_goes_on_keeps_what_it_began_with(tmp_path: Path) -> None:
    written = tmp_path / "config.toml"
    written.write_text(Config.load(None, ["data.snap_labels=true", "objective.gan=0"]).to_toml())
    refuse(["data.snap_labels=true", "objective.gan=0"], written=written)
    with pytest.raises(UserError, match=r"^training.extend has no effect"):
        refuse(["data.snap_labels=true", "training.extend=decay"], written=written)
