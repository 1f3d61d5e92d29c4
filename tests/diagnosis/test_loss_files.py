"""Files of losses as people's loops and the tools around them write them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from steadygan.diagnosis.loss_files import read_losses
from steadygan.errors import UsageError

# Three values of each network in every one: of the critic 0.5, not a number, minus infinity.
FORMS = {
    "keras.csv": "epoch,d_loss,g_loss\n0,0.5,1\n1,nan,2\n2,-inf,3\n",
    "lightning.csv": "d_loss_epoch,d_loss_step,epoch,g_loss_step,step\n"
    ",0.5,0,,9\n,,0,1,9\n,NaN,0,,19\n7,,0,,19\n,,0,2,19\n,-inf,1,,29\n,,1,3,29\n",
    "wandb.csv": '"Step","a - d_loss","a - d_loss__MIN","a - g_loss"\n'
    '"0","0.5","9","1"\n"1","NaN","9","2"\n"2","-Infinity","9","3"\n',
    "semicolons.csv": "step;Loss D;Loss G\n0;0,5;1,0\n1;nan;2,0\n2;-inf;3,0\n",
    "tabs.tsv": "step\terrD\terrG\n0\t0.5\t1\n1\tnan\t2\n2\t-inf\t3\n",
    "windows.csv": "\ufeffstep,lossD,lossG\r\n0,0.5,1\r\n1,NAN,2\r\n2,-1e999,3\r\n",
    "camel.csv": "iter,lossDiscriminator,GeneratorLoss\n0,0.5,1\n1,nan,2\n2,-inf,3\n",
    "networks.csv": "netD_loss,netG_loss\n0.5,1\nnan,2\n-inf,3\n",
    "torn.jsonl": '{"loss_d": 0.5, "loss_g": 1}\n{"loss_d": NaN, "loss_g": 2}\n'
    '{"loss_d": -Infinity, "loss_g": 3}\n{"loss_d": 0.1, "lo',
    "again.csv": "Loss/D,Loss/G\n0.5,1\nnan,2\nLoss/D,Loss/G\n-inf,3\n",
    "parts.csv": "d_loss_real,d_loss_fake,d_loss,g_loss,val_g_loss\n"
    "9,9,0.5,1,9\n9,9,nan,2,9\n9,9,-inf,3,\n9,9,None,,N/A\n",
    "wandb.jsonl": '{"_step": 0, "Discriminator Loss": 0.5, "Generator Loss": 1, "x": {"y": 1}}\n'
    '{"Discriminator Loss": NaN, "Generator Loss": 2}\n\n'
    '{"Discriminator Loss": "-Infinity", "Generator Loss": 3, "note": "x"}\n{"x": null}\n',
    "rows.json": '[{"D": 0.5, "G": 1},\n {"D": NaN, "G": 2},\n {"D": -Infinity, "G": 3}]\n',
    "long.jsonl": '{"loss_d": 0.5, "loss_g": 1}\n{"loss_d": NaN, "loss_g": 2}\n'
    f'{{"loss_d": -1{5000 * "0"}, "loss_g": 3}}\n',
    "lists.json": '{"critic": [0.5, NaN, -Infinity],\n "generator": [1, 2, 3], "epochs": 3}',
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", ["utf-8", "utf-16", "gzip"])
def test_what_tools_write_is_read(tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / name
    content = FORMS[name].encode("utf-16" if how == "utf-16" else "utf-8")
    path.write_bytes(gzip.compress(content) if how == "gzip" else content)
    losses = read_losses(path)
    np.testing.assert_array_equal(losses.critic, [0.5, np.nan, -np.inf])
    np.testing.assert_array_equal(losses.generator, [1, 2, 3])


def test_steps_are_read_where_they_grow(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("step,loss_d,loss_g\n0,1,\n10,,2\n10,3,\n")
    losses = read_losses(path)
    assert losses.critic_steps is not None
    assert losses.generator_steps is not None
    assert (losses.critic_steps.tolist(), losses.generator_steps.tolist()) == ([0, 10], [10])
    for counted in ("0,1,2\n1,1,2\n0,1,2\n", "a,1,2\n", "5,1,2\n5,1,2\n"):  # anew each epoch
        path.write_text(f"step,loss_d,loss_g\n{counted}")
        assert read_losses(path).critic_steps is None


def test_csv_and_json_lines_are_read_alike(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    table.write_text("\ufeffstep,Loss_D, errG\n1,0.5,1.5\n2,nan,\n3,-inf,2.5\n\n")
    lines.write_text(
        '{"Loss_D": 0.5, "errG": 1.5}\n{"Loss_D": "nan", "note": "x"}\n'
        '{"Loss_D": -Infinity, "errG": 2.5}\n'
    )
    for path in (table, lines):
        losses = read_losses(path)
        np.testing.assert_array_equal(losses.critic, [0.5, np.nan, -np.inf])
        np.testing.assert_array_equal(losses.generator, [1.5, 2.5])  # an empty cell is no number


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("real part,fake part\n1,2\n")
    losses = read_losses(path, "real part", "fake part")
    assert losses.critic.tolist() == [1.0]
    assert losses.generator.tolist() == [2.0]


def test_the_history_of_a_run_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    row = {"kind": "record", "step": 1, "critic.loss": 1.0, "generator.loss": 2.0}
    path.write_text(f"{json.dumps(row)}\n" + '{"kind": "event", "event": "end"}\n')
    losses = read_losses(path)
    assert (losses.critic.tolist(), losses.generator.tolist()) == ([1.0], [2.0])


BAD = [
    (b"", "is empty"),
    (b"\n \n", "is empty"),
    (bytes(range(256)), "it is no text"),
    (b"loss_d,loss_g\n\0,1\n", "it is no text"),
    (gzip.compress(b"loss_d,loss_g\n1,2\n")[:-4], "it is no text"),
    (b"step,value\n1,2\n", "name it with --critic-loss"),
    (b"loss_d,value\n1,2\n", "name it with --generator-loss"),
    (b'{"loss_d": 1, "loss_g": 2}\n{"loss_d": \n', "line 2, is no JSON object"),
    (b'{"loss_d": 1, "loss_g": 2}\n3\n', "line 2, is no JSON object"),
    (b"loss_d,loss_g\n1,two\n", "'loss_g' holds more than numbers: 'two'"),
    (b"loss_d,loss_g\n1,\n2,NA\n", "'loss_g' holds nothing"),
    (b"loss_d,loss_g\n", "a header and rows of losses below it are needed"),
    (b"loss_d\n1\n", "name it with --generator-loss"),
    (b"d_loss_real,d_loss_fake,g_loss\n1,2,3\n", "name it with --critic-loss"),
    (b"a - d_loss,b - d_loss,g_loss\n1,2,3\n", "several columns .* a - d_loss, b - d_loss: choose"),
    (b"[1, 2]", "neither objects nor an object of lists"),
    (b"{}", "among no columns at all: name it"),
    (b"[]", "neither objects nor an object of lists"),
    (b"[" * 100_000, "is JSON, but no losses|is no JSON object"),
    (b"loss_d,loss_g\n" + b'"' + 200_000 * b"x", "is no CSV file"),
]


@pytest.mark.parametrize(("content", "words"), BAD, ids=[words for _, words in BAD])
def test_what_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "losses"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as raised:
        read_losses(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)


def test_files_and_columns_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_losses(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="this directory holds no event files"):
        read_losses(tmp_path)
    path = tmp_path / "a.csv"
    path.write_text("loss_d,loss_g\n1,2\n")
    with pytest.raises(UsageError, match=r"no column 'los_d'\. Did you mean 'loss_d'"):
        read_losses(path, "los_d")
