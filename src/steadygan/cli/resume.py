"""steadygan resume."""

from __future__ import annotations

from steadygan.cli.display import Display
from steadygan.cli.ending import end
from steadygan.cli.options import (
    DataRootOption,
    JsonOption,
    MinutesOption,
    OwnRecipeOption,
    ResumeDeviceOption,
    ResumeRemedyOption,
    RunArgument,
    StepsOption,
    TensorBoardOption,
)


def resume(
    run: RunArgument,
    recipe: OwnRecipeOption = None,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    device: ResumeDeviceOption = None,
    data_root: DataRootOption = None,
    tensorboard: TensorBoardOption = False,
    auto_remedy: ResumeRemedyOption = None,
    json: JsonOption = False,
) -> int:
    """Continue a run from its last checkpoint, bit by bit on the CPU.

    With --steps or --minutes a run goes on to a new budget.
    """
    with Display(json=json) as display:
        from steadygan.app import resume as resume_run

        result = resume_run(
            run,
            recipe,
            steps=steps,
            minutes=minutes,
            device=device,
            data_root=data_root,
            observers=[display],
            tensorboard=tensorboard,
            auto_remedy=auto_remedy,
            say=display.say,
        )
    return end(result, display, json=json)
