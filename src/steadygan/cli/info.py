"""steadygan info."""

from __future__ import annotations

from steadygan.cli.options import JsonOption, RunArgument
from steadygan.cli.output import print_json, print_lines


def info(run: RunArgument, json: JsonOption = False) -> None:
    """Say what a run is, how it stands and what was measured."""
    from steadygan.metrics import Measurement
    from steadygan.run import Run

    content = Run(run).info()
    if json:
        print_json(content)
        return
    data, environment = content["data"], content["environment"]
    shape = "×".join(str(side) for side in data["spec"]["shape"])
    step = "" if content["step"] is None else f" at step {content['step']:,}"
    print_lines(
        f"run          {content['run']}",
        f"status       {content['status']}{step}"
        + (f": {content['reason']}" if content["reason"] else ""),
        f"recipe       {content['recipe']}, seed {content['seed']}",
        f"data         {data['name']}: {data['n_train']:,} training and "
        f"{data['n_validation']:,} held-out samples of {shape}",
        f"trained with steadygan {environment['steadygan']}, torch {environment['torch']}, "
        f"{environment['device']}",
        f"checkpoints  {', '.join(content['checkpoints']) or 'none'}",
    )
    print_lines(*(str(Measurement(**metric)) for metric in content["metrics"]))
