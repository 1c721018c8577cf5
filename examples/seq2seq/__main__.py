"""`python -m examples.seq2seq train` and `python -m examples.seq2seq generate`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tandem as td
from examples import checkpoint
from examples.seq2seq import bible, data
from examples.seq2seq.data import END, PAD, VERSE, Passage
from examples.seq2seq.decoding import Method, generate
from examples.seq2seq.model import Config, Seq2Seq
from examples.seq2seq.ngram import KneserNey
from examples.seq2seq.training import Settings, Trainer, baseline, perplexity

STAGES = ("text", "outline", "outlined")  # straight to the text, or in two steps


class Corpus:
    """The text, cut and split, with its tokenizer, which is kept in the folder of the run."""

    def __init__(self, folder: Path, vocabulary: int) -> None:
        self.chapters = bible.split(bible.read())
        path = folder / "tokenizer.json"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            data.train_tokenizer(self.chapters.train, vocabulary).save(str(path))
        self.tokenizer = data.load_tokenizer(path)
        self.size = self.tokenizer.get_vocab_size()
        self.sizes = data.Sizes()
        outlines = data.Outlines(self.chapters.train)
        self.train, self.valid, self.test = (
            data.passages(part, self.tokenizer, outlines, self.sizes) for part in self.chapters
        )

    def ngrams(self, order: int) -> KneserNey:
        texts = []
        for chapter in self.chapters.train:
            place, *verses = (item.ids for item in self.tokenizer.encode_batch(list(data.texts(chapter))))
            texts.append([*place, VERSE, *(token for verse in verses for token in (*verse, VERSE))])
        return KneserNey(texts, self.size, order)


def train(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    folder = arguments.folder / arguments.stage
    corpus = Corpus(arguments.folder, arguments.vocabulary)
    td.manual_seed(arguments.seed)
    source, target = data.lengths(arguments.stage, corpus.sizes)
    chosen = {name: getattr(arguments, name) for name in ("width", "heads", "encoder", "decoder", "dropout")}
    config = Config(corpus.size, source, target, **chosen)
    names = [field.name for field in dataclasses.fields(Settings)]
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    trainer = Trainer(Seq2Seq(config), data.pairs(corpus.train, arguments.stage), settings)
    saved = folder / "checkpoint.safetensors"
    if arguments.resume:
        if not saved.exists():
            raise SystemExit(f"seq2seq: got --resume and no {saved}; need a checkpoint; try without --resume")
        trainer.load(saved)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dataclasses.asdict(config)))
    valid = data.pairs(corpus.valid, arguments.stage)
    print(f"{sum(p.size for p in trainer.model.parameters()):,} parameters, {len(corpus.train)} passages")
    if arguments.stage != "outline":
        to_beat = baseline(corpus.ngrams(5), corpus.valid)
        print(f"held-out perplexity of 5-grams (Kneser-Ney): {to_beat:.2f}")
    with td.tensorboard.Writer(folder) as writer, tqdm(total=settings.steps, initial=trainer.done) as bar:
        writer.add_hparams({**dataclasses.asdict(config), **dataclasses.asdict(settings)})
        for loss in trainer.run():
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}")
            writer.add_scalar("loss/train", loss, trainer.done)
            if trainer.done % settings.evaluate_every == 0 or trainer.done == settings.steps:
                held_out = perplexity(trainer.model, valid)
                trainer.save(saved)
                writer.add_scalar("perplexity/valid", held_out, trainer.done)
                bar.write(f"step {trainer.done}: held-out perplexity {held_out:.2f}")
    test = data.pairs(corpus.test, arguments.stage)
    print(f"chapters held out: {perplexity(trainer.model, valid):.2f}", end="")
    print(f"; books held out ({', '.join(bible.HELD_OUT_BOOKS)}): {perplexity(trainer.model, test):.2f}")
    if arguments.stage != "outline":
        print(f"5-grams: {to_beat:.2f}; {baseline(corpus.ngrams(5), corpus.test):.2f}")


def load(folder: Path, stage: str) -> Seq2Seq:
    """The model of a stage as it was saved last."""
    try:
        config = Config(**json.loads((folder / stage / "config.json").read_text()))
        model = Seq2Seq(config)
        checkpoint.load(folder / stage / "checkpoint.safetensors", model)
    except FileNotFoundError as error:
        raise SystemExit(
            f"seq2seq: got no model in {error.filename}; need one; "
            f"try python -m examples.seq2seq train --stage {stage} --folder {folder}"
        ) from None
    return model


def write(model: Seq2Seq, source: list[int], method: Method) -> list[int]:
    """The tokens that a model writes to a prompt."""
    batch = data.padded([(source, [])], model.config.source, 1)
    found = generate(model, td.asarray(batch.source), method).tolist()[0]
    return [token for token in found if token not in (END, PAD)]


def stories(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield what is written, part by part, each with a title."""
    td.manual_seed(arguments.seed)
    models = [load(arguments.folder, stage) for stage in (STAGES[1:] if arguments.two_level else STAGES[:1])]
    tokenizer = data.load_tokenizer(arguments.folder / "tokenizer.json")
    method = Method(**{name: getattr(arguments, name) for name in Method._fields})
    place, verse = (tokenizer.encode(text).ids for text in (arguments.chapter, arguments.verse))
    source = Passage([*place, VERSE, *verse], [], []).prompt
    for name, model in zip(("outline", "text") if arguments.two_level else ("text",), models, strict=True):
        found = write(model, source, method)
        yield name, shown(tokenizer, found)
        source = data.outlined(source, found)


def shown(tokenizer: Any, tokens: list[int]) -> str:
    verses = tokenizer.decode(tokens, skip_special_tokens=False).split(data.SPECIAL[VERSE])
    return "\n".join(verse.strip() for verse in verses if verse.strip())


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.seq2seq", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train a model, and compare it with 5-grams")
    training.add_argument("--stage", choices=STAGES, default="text")
    training.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    training.add_argument("--vocabulary", type=int, default=4000)
    for cls in (Config, Settings):
        for field in dataclasses.fields(cls):
            if field.default is not dataclasses.MISSING:
                name = "--" + field.name.replace("_", "-")
                training.add_argument(name, dest=field.name, type=type(field.default), default=field.default)
    writing = commands.add_parser("generate", help="write a text to a prompt")
    writing.add_argument("--chapter", default="Ruth 1", help="where the text is from")
    writing.add_argument("--verse", default="Now it came to pass in the days when the judges ruled,")
    writing.add_argument("--two-level", action="store_true", help="write an outline first, and the text to that")
    for name, default in Method._field_defaults.items():
        option = "--" + {"name": "method"}.get(name, name).replace("_", "-")
        writing.add_argument(option, dest=name, type=type(default), default=default)
    writing.add_argument("--seed", type=int, default=0)
    for command in (training, writing):
        command.add_argument("--folder", type=Path, default=Path("runs/seq2seq"))
    return parser


def main(words: list[str] | None = None) -> None:
    arguments = options().parse_args(words)
    if arguments.command == "train":
        train(arguments)
        return
    start = time.perf_counter()
    for title, text in stories(arguments):
        print(f"--- {title} ({time.perf_counter() - start:.1f} s)\n{text}")


if __name__ == "__main__":
    main()
