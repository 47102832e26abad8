"""Options of pytorch-CycleGAN-and-pix2pix, typed out of habit, and what says the same here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pix2pix.errors import UserError, joined

_PROGRAM = "pytorch-CycleGAN-and-pix2pix"
_RUN = "--run, a folder such as runs/facades"
_IN_MODEL = "in the model file"
_CHANNELS = "taken from the pictures"
_IMPORTED = "the file that `pix2pix import` takes, such as 200_net_G.pth"
_NOT_NEEDED = "left out"
_LOGS = "the page index.html in the folder of the run"

# By command, as in the guide docs/from-pytorch-cyclegan-and-pix2pix.md.
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "train": {
        "--dataroot": "the folder alone, after train",
        "--name": _RUN,
        "--checkpoints_dir": _RUN,
        "--direction": "--set data.source=right for BtoA",
        "--model": "--make lab for colorization, and left out for pix2pix",
        "--dataset_mode": _NOT_NEEDED,
        "--phase": "left out: train is learned from, val is scored on",
        "--input_nc": f"{_CHANNELS}, or --set model.source_channels=1 to make colours grey",
        "--output_nc": f"{_CHANNELS}, or --set model.target_channels=1 to make colours grey",
        "--netG": "--set model.generator=unet or resnet, with --set model.blocks=9",
        "--ngf": "--set model.width=64",
        "--ndf": "--set model.discriminator_width=64",
        "--netD": "--set model.discriminator_px=70, or 1 for pixel",
        "--n_layers_D": "--set model.discriminator_px=70 for 3 layers",
        "--norm": "--set model.norm=batch, instance or none",
        "--no_dropout": "--set model.dropout=0",
        "--gan_mode": "--set objective.adversarial=bce for vanilla, or lsgan; there is no wgangp",
        "--lambda_L1": "--set objective.l1=100",
        "--load_size": "left out: 286/256 of --set data.size_px=256",
        "--crop_size": "--set data.size_px=256",
        "--preprocess": "--set data.jitter=false for none, data.fit=crop where shapes must be kept",
        "--no_flip": "--set data.mirror=false",
        "--batch_size": "--set training.batch=4",
        "--lr": "--set training.learning_rate=0.0002",
        "--beta1": "--set training.beta1=0.5",
        "--lr_policy": "--set training.schedule=linear, or constant",
        "--lr_decay_iters": "left out: there are no steps",
        "--n_epochs": "--epochs 200 --set training.schedule=linear for 100 and 100",
        "--n_epochs_decay": "--epochs 200 --set training.schedule=linear for 100 and 100",
        "--continue_train": "the same command again",
        "--epoch_count": "the same command again",
        "--epoch": "the same command again, or --init with an imported model",
        "--load_iter": "the same command again, or --init with an imported model",
        "--gpu_ids": "--device cpu for -1, cuda:0 for 0",
        "--display_id": _LOGS,
        "--display_freq": _LOGS,
        "--display_ncols": _LOGS,
        "--display_server": _LOGS,
        "--display_env": _LOGS,
        "--display_port": _LOGS,
        "--display_winsize": _LOGS,
        "--update_html_freq": _LOGS,
        "--no_html": _NOT_NEEDED,
        "--use_wandb": "--log wandb",
        "--wandb_project_name": "the variable WANDB_PROJECT",
        "--print_freq": "--set training.log_images=100",
        "--save_latest_freq": "--set training.save_images=4000",
        "--save_by_iter": "--set training.save_images=4000",
        "--save_epoch_freq": "left out: the last and, by --set training.best=kid, the best model are kept",
        "--max_dataset_size": "left out: put fewer pictures in the folder",
        "--init_type": "left out: weights begin as N(0, 0.02)",
        "--init_gain": "left out: weights begin as N(0, 0.02)",
        "--pool_size": _NOT_NEEDED,
        "--num_threads": _NOT_NEEDED,
        "--verbose": _NOT_NEEDED,
        "--suffix": _RUN,
        "--serial_batches": _NOT_NEEDED,
    },
    "translate": {
        "--dataroot": "the folder alone, after the model",
        "--phase": "the folder alone, such as facades/test",
        "--name": "the model file alone, after translate",
        "--checkpoints_dir": "the model file alone, after translate",
        "--direction": "--half right for BtoA, left for AtoB",
        "--model": "left out: single pictures without --half, pairs with it",
        "--dataset_mode": "left out: single pictures without --half, pairs with it",
        "--netG": _IN_MODEL,
        "--norm": _IN_MODEL,
        "--ngf": _IN_MODEL,
        "--input_nc": _IN_MODEL,
        "--output_nc": _IN_MODEL,
        "--no_dropout": "--mode deterministic",
        "--epoch": _IMPORTED,
        "--load_iter": _IMPORTED,
        "--model_suffix": _IMPORTED,
        "--results_dir": "--out",
        "--eval": "--mode running",
        "--num_test": "the pictures that are named, such as 'test/1*.jpg'",
        "--preprocess": "left out: pictures keep their size",
        "--aspect_ratio": "left out: results have the size of their pictures",
        "--load_size": "--size 256; without it pictures keep their size",
        "--crop_size": "--size 256; without it pictures keep their size",
        "--gpu_ids": "--device cpu for -1, cuda:0 for 0",
    },
    "combine": {
        "--fold_A": "the folder A alone, after combine",
        "--fold_B": "the folder B alone, after A",
        "--fold_AB": "--out",
    },
}


@contextmanager
def peer_options_explained(words: Sequence[str]) -> Iterator[None]:
    """Turn the refusal of an option of the other program into a UserError that says what to write here.

    `words` are those of the command line: all such options among them are named at once.
    """
    try:
        yield
    except Exception as error:
        # click's NoSuchOption, which Typer brings under another name from version to version.
        command = getattr(getattr(error, "ctx", None), "info_name", "")
        known = OPTIONS.get(command, {})
        if getattr(error, "option_name", "") not in known:
            raise
        typed = dict.fromkeys(word.partition("=")[0] for word in words)
        names: dict[str, list[str]] = {}  # by what says the same
        for name in typed:
            if name in known:
                names.setdefault(known[name], []).append(name)
        answers = [f"{joined(same)} {_be(same)} {text}" for text, same in names.items()]
        options = [name for name in typed if name in known]
        raise UserError(
            f"{joined(options, len(options))} {_be(options)} of {_PROGRAM}, not of this program.",
            f"Here: {'; '.join(answers)}.",
        ) from None


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
