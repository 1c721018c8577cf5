"""`python -m examples.smash`: train the hypernetwork, then see how well its scores tell architectures apart."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import tandem as td
from examples.smash.comparison import Comparison
from examples.smash.model import Smash
from examples.smash.training import Data, Settings, Trainer, captures, score, train_alone
from tandem._demo import fashion_mnist

TOTALS = ("compiled", "disk_hits", "compile_seconds", "program_runs")  # of td.stats(), what is told


def search(settings: Settings, folder: Path, resume: bool = False) -> Comparison:
    """Do all of it, and write curves, numbers and a picture to a folder."""
    from tqdm import tqdm

    data = Data(*fashion_mnist.load(), settings)
    td.manual_seed(settings.seed)
    trainer = Trainer(Smash(), settings.steps, settings.rate, settings.seed)
    saved = folder / "checkpoint.safetensors"
    compared, found = folder / "comparison.json", Comparison()
    if resume:
        trainer.load(saved)
        if compared.exists():
            found = Comparison(**json.loads(compared.read_text()))
    made = last = 0  # captures so far, and the step of the last one
    with td.tensorboard.Writer(folder) as writer:
        writer.add_hparams(dataclasses.asdict(settings))
        with tqdm(total=settings.steps, initial=trainer.done, desc="hypernetwork") as bar:
            for loss in trainer.run(data, several=True):
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}")
                writer.add_scalar("loss/smash", loss, trainer.done)
                if (now := sum(captures().values())) != made:
                    made, last = now, trainer.done
                    writer.add_scalar("captures", made, last)
                if trainer.done % 500 == 0 or trainer.done == settings.steps:
                    trainer.save(saved)
        print(f"captures after {trainer.done} steps, each with another architecture: {captures()}")
        print(f"the last was in step {last}; in all { ({name: td.stats()[name] for name in TOTALS}) }")
        with tqdm(total=settings.architectures, initial=len(found.alone), desc="on their own") as bar:
            for _ in train_alone(data, settings, found):
                bar.update()
                bar.set_postfix(accuracy=f"{found.means[-1]:.3f}")
                compared.write_text(json.dumps(dataclasses.asdict(found)))
        for _ in tqdm(score(trainer.model, data, settings, found), total=settings.architectures, desc="scores"):
            pass
        compared.write_text(json.dumps(dataclasses.asdict(found)))
        writer.add_scalar("rank correlation", found.correlation, trainer.done)
    picture = folder / "scatter.png"
    found.picture(picture)
    print(f"captures at the end: {captures()}\n{found.report()}\nsee {picture}")
    return found


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.smash", description=__doc__)
    for field in dataclasses.fields(Settings):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, dest=field.name, type=type(field.default), default=field.default)
    parser.add_argument("--folder", type=Path, default=Path("runs/smash"))
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    arguments = parser.parse_args(words)
    settings = Settings(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Settings)})
    search(settings, arguments.folder, arguments.resume)


if __name__ == "__main__":
    main()
