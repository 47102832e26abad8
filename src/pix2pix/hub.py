"""Models on the Hugging Face hub: `hub:OWNER/NAME`. The package `huggingface_hub` is needed only here.

The address of the hub (HF_ENDPOINT), the folder of what was downloaded (HF_HOME) and the token are that
package's own: nothing here reads, stores or prints a token.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pix2pix.errors import UserError, first_line, shortened

PREFIX = "hub:"
_FILE = "model.safetensors"
_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


def download_model(name: str) -> Path:
    """Return the model file of OWNER/NAME, downloaded where it is not here or has changed.

    Raises UserError where there is no such model, it may not be read, or the hub cannot be reached and no
    earlier download is here.
    """
    _check(name)
    with _explained(f"fetch {name} from"):
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(name, _FILE, endpoint=_endpoint()))


def upload_model(name: str, files: Mapping[str, Path | bytes], *, private: bool) -> str:
    """Put files into OWNER/NAME in one commit, making it where it is missing; return its address.

    Raises UserError where nobody is logged in, the name is someone else's, or the hub cannot be reached.
    """
    _check(name)
    with _explained(f"put {name} on"):
        from huggingface_hub import CommitOperationAdd, HfApi

        api = HfApi(endpoint=_endpoint())
        address = api.create_repo(name, private=private, exist_ok=True)
        added = [
            CommitOperationAdd(place, file if isinstance(file, bytes) else str(file))
            for place, file in files.items()
        ]
        api.create_commit(name, added, commit_message="Upload a model of pix2pix")
        return str(address)


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(f"'{shortened(name)}' is no name of a model on the hub: wanted OWNER/NAME.")


def _endpoint() -> str | None:
    """Return the user's own hub; the library reads the variable only when it is imported."""
    return os.environ.get("HF_ENDPOINT") or None


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what the library raises, which lets the errors of others pass, into one sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"To {what} the hub needs the package {error.name}.",
            "Install it with pip install 'pix2pix[hub]'.",
        ) from None
    except Exception as error:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(getattr(error, "response", None), "status_code", 0)
        reason, hint = first_line(error), ""
        if "RepositoryNotFoundError" in kinds or status in (401, 403):
            reason, hint = "there is none of that name, or it is not yours", "Log in with `hf auth login`."
        elif "LocalTokenNotFoundError" in kinds:
            reason, hint = "nobody is logged in", "Log in with `hf auth login`."
        elif "LocalEntryNotFoundError" in kinds:
            reason, hint = "it cannot be reached, and no earlier download is here", "Try again online."
        elif "EntryNotFoundError" in kinds:
            reason, hint = f"it holds no {_FILE}", "Wanted a model that `pix2pix push` put there."
        raise UserError(f"Cannot {what} the hub: {shortened(reason)}.", hint) from None
