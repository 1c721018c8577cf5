"""The model of examples/seq2seq in small: decoding with a cache, beams, training that resumes, the command line."""

import itertools

import numpy as np
import pytest

import tandem as td
from examples.seq2seq import bible, data
from examples.seq2seq.decoding import Method, beam_search, generate, search
from examples.seq2seq.model import Config, Seq2Seq, losses
from examples.seq2seq.training import Settings, Trainer, baseline, perplexity

METHODS = ["greedy", "sample", "top-k", "beam"]


def small(vocabulary=24, target=7, **changes):
    td.manual_seed(3)
    sizes = {"width": 16, "heads": 2, "encoder": 1, "decoder": 2, "dropout": 0.1}
    model = Seq2Seq(Config(vocabulary, 6, target, **{**sizes, **changes}))
    for p in model.parameters():  # so that the choices depend on everything
        p.detach()[...] = p.detach() * 3
    return model


def prompts(rng, count=4, vocabulary=24):
    source = rng.integers(5, vocabulary, (count, 6))
    source[0, 3:] = data.PAD
    return td.asarray(source)


def continued(model, source, text):
    """The logits after BEGIN and each of the tokens of a text, without a cache."""
    model.eval()
    with td.no_grad():
        begun = td.concat([td.full((len(source), 1), data.BEGIN, dtype=td.int64), text[:, :-1]], axis=1)
        return model(source, begun).numpy()


def ended(text):
    """A text up to its END, and whether there was one."""
    tokens = text.tolist()
    return (tokens[: tokens.index(data.END) + 1], True) if data.END in tokens else (tokens, False)


def test_greedy_is_what_the_whole_decoder_finds(rng):
    model, source = small(), prompts(rng)
    found = generate(model, source, Method("greedy"))
    likeliest = continued(model, source, found).argmax(-1)
    for row, wanted in zip(found.numpy(), likeliest):
        tokens, _ = ended(row)
        assert tokens == wanted[: len(tokens)].tolist()
        assert (row[len(tokens) :] == data.PAD).all()


def test_top_k_chooses_among_the_likeliest(rng):
    model, source = small(target=30), prompts(rng)
    found = generate(model, source, Method("top-k", k=3, temperature=50.0))
    order = (-continued(model, source, found)).argsort(-1)
    ranks = [
        order[k, place].tolist().index(token)
        for k, row in enumerate(found.numpy())
        for place, token in enumerate(ended(row)[0])
    ]
    assert max(ranks) == 2 and 0 in ranks


def test_samples_have_the_probabilities_of_the_model(rng):
    model = small(vocabulary=8, target=1)
    source = td.asarray(np.repeat(rng.integers(5, 8, (1, 6)), 4000, axis=0))
    found = generate(model, source, Method("sample")).numpy()[:, 0]
    logits = continued(model, source[:1], td.asarray(found[:1, None]))[0, 0].astype(np.float64)
    wanted = np.exp(logits - logits.max())
    wanted /= wanted.sum()
    counts = np.bincount(found, minlength=8)
    assert (abs(counts - 4000 * wanted) < 5 * np.sqrt(4000 * wanted) + 1).all()


def test_enough_beams_find_the_best_text(rng):
    size, length = 6, 3
    model, source = small(vocabulary=size, target=length), td.asarray([[5, 5, 3, 0, 0, 0]])
    best = {}
    for tokens in itertools.product(range(size), repeat=length):
        text, over = ended(np.asarray(tokens))
        filled = [*text, *[data.PAD] * (length - len(text))]
        logits = td.asarray(continued(model, source, td.asarray([filled])))
        chosen = td.log_softmax(logits, axis=-1).numpy()[0, range(len(text)), text]
        best[tuple(filled)] = chosen.sum() / len(text)
    wanted = max(best, key=best.get)
    assert generate(model, source, Method("beam", beams=size**length)).tolist() == [list(wanted)]


def test_one_beam_is_greedy(rng):
    model, source = small(target=20), prompts(rng)
    one = generate(model, source, Method("beam", beams=1))
    assert one.tolist() == generate(model, source, Method("greedy")).tolist()


@pytest.mark.parametrize("name", METHODS)
def test_compiled_decoding_is_eager_decoding(rng, name):
    model, source, method = small(), prompts(rng), Method(name, k=4, beams=3)
    found = []
    for context in (td.disabled(), td.no_grad()):
        td.manual_seed(5)
        with context:
            found.append(generate(model, source, method).tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("function, name", [(search, "greedy"), (beam_search, "beam")])
def test_the_loop_is_one_in_the_program(rng, function, name):
    model, source = small(target=50), prompts(rng)
    generate(model, source, Method(name))
    assert function.ir("captured").count(" = while ") == 1
    before = function.stats()["captures"]
    with td.no_recompile():
        generate(model, source[::-1].copy(), Method(name))
    assert function.stats()["captures"] == before


def test_decoding_stops_when_all_texts_have_ended(rng):
    model, source = small(target=200), prompts(rng)
    model.decoded.weight.detach()[...] = 0.0
    model.decoded.bias.detach()[...] = model.tokens.weight.detach()[data.END]  # END is the likeliest at once
    with td.profiler(sample=False) as profile:
        found = generate(model, source, Method("greedy"))
    assert found[:, 0].tolist() == [data.END] * 4 and (found[:, 1:] == data.PAD).all()
    calls = [event for event in profile.events if event.kind == "library"]
    assert len(calls) < 200


def test_losses_leave_out_the_filling():
    logits = td.asarray(np.log([[[0.1, 0.9, 0.0001], [0.5, 0.25, 0.25]]]).astype(np.float32))
    found = losses(logits, td.asarray([[1, data.PAD]])).numpy()
    np.testing.assert_allclose(found, [[-np.log(0.9 / 1.0001), 0]], rtol=1e-5)


def examples(rng, count=48):
    """Texts that say the prompt again."""
    found = []
    for _ in range(count):
        words = rng.integers(5, 12, 3).tolist()
        found.append((words, words))
    return found


def trainer(rng, **changes):
    td.manual_seed(1)
    settings = Settings(**{"steps": 300, "batch": 16, "rate": 1e-2, "warm_up": 10, **changes})
    return Trainer(
        Seq2Seq(Config(12, 4, 5, width=32, heads=2, encoder=1, decoder=1, dropout=0.0)), examples(rng), settings
    )


def test_training_learns_to_copy(rng):
    learning = trainer(rng)
    found = list(learning.run())
    assert found[-1] < 0.1 * found[0]
    assert perplexity(learning.model, learning.examples) < 1.2
    batch = data.padded(learning.examples, 4, 5)
    found = generate(learning.model, td.asarray(batch.source), Method("greedy"))
    assert (found == td.asarray(batch.target[:, 1:])).astype(td.float32).mean() > 0.95


def test_resumed_training_has_the_same_bits(rng, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    whole = trainer(rng, steps=12)
    whole.model.dropout.p = 0.3
    given = whole.examples
    wanted = list(whole.run())
    first = trainer(rng, steps=12)
    first.model.dropout.p, first.examples = 0.3, given
    before = list(itertools.islice(first.run(), 7))
    first.save(path)
    second = trainer(rng, steps=12)
    second.model.dropout.p, second.examples = 0.3, given
    td.manual_seed(99)
    second.load(path)
    assert second.done == 7
    assert before + list(second.run()) == wanted
    for a, b in zip(whole.model.parameters(), second.model.parameters()):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_step_is_one_program_with_the_bits_of_eager_code(rng, dropout):
    given, losses, weights = examples(rng), [], []
    for context in (td.disabled(), td.enable_grad()):
        learning = trainer(rng, steps=10)
        learning.examples = given
        for module in learning.model.modules():
            if isinstance(module, td.nn.Dropout):
                module.p = dropout
        with context:
            losses.append(list(learning.run()))
        weights.append([p.detach().numpy().tobytes() for p in learning.model.parameters()])
    assert losses[0] == losses[1] and weights[0] == weights[1]


def test_a_step_compiles_once(rng):
    learning = trainer(rng, steps=4)
    run = learning.run()
    next(run), next(run)
    before = Trainer.step.stats()
    with td.no_recompile():
        list(run)
    after = Trainer.step.stats()
    assert after["captures"] == before["captures"] and after["eager_calls"] == before["eager_calls"] == 0


def test_a_method_that_does_not_exist():
    with pytest.raises(ValueError, match="got the method 'best'; need 'greedy'"):
        generate(small(), td.zeros((1, 6), dtype=td.int64), Method("best"))


def tiny_bible():
    words = "and the king went up to the city with all his men for it was evening".split()
    rng = np.random.default_rng(0)
    chapters = []
    for book in (*bible.BOOKS[:3], "Ruth"):
        for number in range(1, 12):
            verses = [" ".join(rng.choice(words, 8)).capitalize() + "." for _ in range(6)]
            chapters.append(bible.Chapter(book, number, tuple(verses)))
    return chapters


def test_the_command_line(monkeypatch, tmp_path, capsys):
    pytest.importorskip("tokenizers", reason="byte pairs need tokenizers (pip install tokenizers)")
    pytest.importorskip("tqdm", reason="the progress bar needs tqdm (pip install tqdm)")
    from examples.seq2seq.__main__ import Corpus, main

    monkeypatch.setattr(bible, "read", tiny_bible)
    sizes = ["--width", "16", "--heads", "2", "--encoder", "1", "--decoder", "1", "--vocabulary", "300"]
    common = ["--folder", str(tmp_path)]
    for stage in ("text", "outline", "outlined"):
        main(["train", "--stage", stage, "--steps", "4", "--batch", "4", "--evaluate-every", "2", *sizes, *common])
    told = capsys.readouterr()
    assert "held-out perplexity of 5-grams (Kneser-Ney): " in told.out and "books held out (Ruth" in told.out
    assert list((tmp_path / "text").glob("*tfevents*"))
    main(["train", "--steps", "6", "--batch", "4", "--resume", *sizes, *common])
    assert "4/6" in capsys.readouterr().err
    for method in METHODS:
        main(["generate", "--method", method, *common])
        assert capsys.readouterr().out.startswith("--- text (")
    main(["generate", "--two-level", "--chapter", "Genesis 2", *common])
    told = capsys.readouterr().out
    assert told.index("--- outline") < told.index("--- text")
    with pytest.raises(SystemExit, match="try python -m examples.seq2seq train --stage text"):
        main(["generate", "--folder", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit, match="try without --resume"):
        main(["train", "--resume", *sizes, "--folder", str(tmp_path / "other")])
    corpus = Corpus(tmp_path, 300)
    assert 1 < baseline(corpus.ngrams(5), corpus.valid) < corpus.size
