import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.config import MAY_CHANGE, STRIDED_LAYERS, Config, recipe_names
from pix2pix.errors import UserError


def refused(*settings: str) -> str:
    with pytest.raises(UserError) as caught:
        Config.load(None, settings)
    return str(caught.value)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    size = 32 * draw(st.integers(1, 32))
    field = draw(st.sampled_from([px for px in STRIDED_LAYERS if px == 1 or px <= size / 2]))
    positive = st.floats(0, 1e6, exclude_min=True)
    return Config.parse(
        {
            "data": {"size_px": size, "source": draw(st.sampled_from(["left", "right"]))},
            "model": {
                "discriminator_px": field,
                "width": draw(st.integers(1, 512)),
                "dropout": draw(st.floats(0, 1, exclude_max=True)),
            },
            "objective": {"l1": draw(positive), "conditional": draw(st.booleans())},
            "training": {
                "images": draw(st.integers(1, 10**9)),
                "learning_rate": draw(positive),
                "seed": draw(st.integers(0, 2**32 - 1)),
            },
        }
    )


def test_the_defaults_are_the_papers() -> None:
    config = Config()
    assert (config.data.size, config.data.resize, config.data.mirror) == ((256, 256), (286, 286), True)
    data = config.data
    assert not any([data.flip, data.turns, data.colour, data.make, data.snap_labels])
    assert data.fit == "stretch"
    assert (config.objective.l1, config.objective.gan, config.objective.conditional) == (100, 1, True)
    assert (config.training.learning_rate, config.training.beta1, config.training.beta2) == (2e-4, 0.5, 0.999)
    assert (config.training.batch, config.training.schedule) == (1, "constant")
    assert (config.model.generator, config.model.width, config.model.dropout) == ("unet", 64, 0.5)
    assert (config.model.discriminator_px, config.model.norm) == (70, "batch")


def test_facades_are_400_pairs_for_200_epochs() -> None:
    assert Config.load("facades").training.images == 400 * 200


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_of_the_package_loads(name: str) -> None:
    assert Config.load(name) == Config.parse(Config.load(name).model_dump())


@given(configs())
def test_toml_brings_back_an_equal_configuration(config: Config) -> None:
    assert Config.parse(tomllib.loads(config.to_toml())) == config
    assert Config.parse(tomllib.loads(config.to_described_toml())) == config


def test_described_toml_says_what_each_key_means() -> None:
    lines = Config().to_described_toml().splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# ")


def test_settings_go_over_a_recipe_and_a_recipe_over_the_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[training]\nbatch = 4\nimages = 7\n")
    config = Config.load(recipe, ["training.images=9", "training.images=11"])
    assert (config.training.batch, config.training.images) == (4, 11)
    assert config.model == Config().model


@pytest.mark.parametrize(
    ("setting", "l1", "gan"),
    [
        ("objective.l1=true", 100, 1),
        ("objective.l1=false", 0, 1),
        ("objective.gan=true", 100, 1),
        ("objective.gan=false", 100, 0),
        ("objective.l1=10", 10, 1),
    ],
)
def test_a_term_is_a_switch_or_a_weight(setting: str, l1: float, gan: float) -> None:
    objective = Config.load(None, [setting]).objective
    assert (objective.l1, objective.gan) == (l1, gan)


@pytest.mark.parametrize(
    ("setting", "named", "nearest"),
    [
        ("training.imags=4", "training.imags", "training.images"),
        ("trainin.images=4", "trainin", "training"),
        ("model.batch=4", "model.batch", "training.batch"),
        ("modle.width=4", "modle", "model"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(setting: str, named: str, nearest: str) -> None:
    message = refused(setting)
    assert f"no setting '{named}'" in message
    assert f"did you mean '{nearest}'" in message


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("training.images=0", "training.images"),
        ("training.images=4.0", "training.images"),
        ("training.batch=four", "training.batch"),
        ("training.learning_rate=inf", "training.learning_rate"),
        ("training.learning_rate=nan", "training.learning_rate"),
        ("training.learning_rate=0", "training.learning_rate"),
        ("training.seed=4294967296", "training.seed"),
        ("objective.l1=inf", "objective.l1"),
        ("objective.gan=-1", "objective.gan"),
        ("model.dropout=1", "model.dropout"),
        ("model.discriminator_px=71", "model.discriminator_px"),
        ("data.size_px=1", "data.size_px"),
        ("data.size_px=[]", "data.size_px"),
        ("data.size_px=[256]", "data.size_px"),
        ("data.size_px=0", "data.size_px"),
        ("data.size_px=[-32, 32]", "data.size_px"),
        ("model.depth=1", "model.depth"),
        ("model.depth=11", "model.depth"),
        ("data.size_px=[64, 64, 64]", "data.size_px"),
        ("data.size_px=wide", "data.size_px"),
        ("data.fit=squeeze", "data.fit"),
        ("data.colour=1", "data.colour"),
        ("data.colour_half=both", "data.colour_half"),
        ("data.source_range=[1, 0]", "data.source_range"),
        ("data.target_range=[1]", "data.target_range"),
        ("model.source_channels=-1", "model.source_channels"),
        ("data.jitter=1", "data.jitter"),
        ("data.source=top", "data.source"),
    ],
)
def test_an_impossible_value_is_refused_by_key(setting: str, key: str) -> None:
    message = refused(setting)
    assert message.startswith(f"{key} = ")
    assert "wanted" in message


@pytest.mark.parametrize("text", ["training.batch", "batch=4", "a.b.c=4", "=", ""])
def test_what_is_no_setting_is_refused(text: str) -> None:
    assert f"'{text}' is not a setting" in refused(text)


def test_a_recipe_of_classes_loads_before_the_palette_is_known() -> None:
    config = Config.load("scorer")
    assert config.data.target_one_hot
    assert config.objective.gan == 0


def test_turns_need_a_square() -> None:
    assert "data.turns needs a square" in refused("data.turns=true", "data.size_px=[256, 512]")
    Config.load(None, ["data.turns=true", "data.size_px=[256, 256]"])


@pytest.mark.parametrize("half", ["source", "target"])
def test_colours_of_labels_are_not_changed(half: str) -> None:
    settings = ["data.colour=0.1", f"data.colour_half={half}"]
    assert f"label maps, the {half}s" in refused(*settings, f"data.{half}_labels=facades")
    other = "target" if half == "source" else "source"
    Config.load(None, [*settings, f"data.{other}_labels=facades"])


def test_a_discriminator_has_its_patches_along_the_shorter_side() -> None:
    assert "on pictures of 64 px" in refused("data.size_px=[64, 256]", "model.discriminator_px=286")


def test_channels_that_were_found_are_written_into_the_configuration() -> None:
    config = Config().with_channels(4, 1)
    assert (config.model.source_channels, config.model.target_channels) == (4, 1)
    assert config.data == Config().data


def test_an_objective_without_a_term_is_refused() -> None:
    assert "nothing to learn" in refused("objective.l1=0", "objective.gan=false")


@pytest.mark.parametrize(("size_px", "largest"), [(32, 70), (64, 142), (128, 286), (256, 286)])
def test_a_discriminator_has_at_least_two_patches_a_side(size_px: int, largest: int) -> None:
    for field in STRIDED_LAYERS:
        settings = [f"data.size_px={size_px}", f"model.discriminator_px={field}"]
        if field > largest:
            assert f"discriminator_px = {largest}" in refused(*settings)
            Config.load(None, [*settings, "objective.gan=0"])
        else:
            Config.load(None, settings)


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ([], "paper"),
        (["model.dropout=0"], "deterministic"),
        (["model.dropout=0", "training.batch=4"], "running"),
        (["training.batch=4"], "running"),
        (["training.batch=4", "model.norm=instance"], "paper"),
        (["training.batch=4", "model.norm=none"], "paper"),
    ],
)
def test_the_default_mode_follows_the_statistics_of_training(settings: list[str], mode: str) -> None:
    assert Config.load(None, settings).default_mode == mode


@pytest.mark.parametrize(("size_px", "resize_px"), [(256, 286), (128, 143), (64, 72), (32, 36)])
def test_jitter_resizes_in_the_papers_proportion(size_px: int, resize_px: int) -> None:
    config = Config.load(None, [f"data.size_px={size_px}", "model.discriminator_px=1"])
    assert config.data.resize == (resize_px, resize_px)
    still = Config.load(None, [f"data.size_px={size_px}", "model.discriminator_px=1", "data.jitter=false"])
    assert still.data.resize == (size_px, size_px)


def test_a_size_may_have_two_sides() -> None:
    config = Config.load(None, ["data.size_px=[256, 512]"])
    assert config.data.size == (256, 512)
    assert config.data.resize == (286, 572)
    assert Config.parse(tomllib.loads(config.to_toml())) == config


def test_differences_name_keys_and_both_values() -> None:
    other = Config.load(None, ["training.batch=4", "data.source=right"])
    assert Config().differences(other) == [("data.source", "left", "right"), ("training.batch", 1, 4)]
    assert other.differences(other) == []


def test_what_may_change_are_settings_that_exist() -> None:
    for key in MAY_CHANGE:
        section, name = key.split(".")
        assert name in type(getattr(Config(), section)).model_fields


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().training.batch = 4


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'facades'"):
        Config.load("facade")


def test_a_recipe_that_is_missing_or_no_toml_is_refused_by_path(tmp_path: Path) -> None:
    broken, binary = tmp_path / "broken.toml", tmp_path / "binary.toml"
    broken.write_text("[training\n")
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (broken, binary, tmp_path / "missing.toml"):
        with pytest.raises(UserError) as caught:
            Config.load(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["training = 4\n", "[[training]]\nbatch = 4\n", "batch = 4\n"])
def test_a_recipe_of_the_wrong_shape_is_refused(tmp_path: Path, text: str) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(text)
    for settings in ([], ["training.images=4"]):
        with pytest.raises(UserError):
            Config.load(recipe, settings)
