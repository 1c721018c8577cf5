"""What the examples read: real files where Debian's packages are installed, small ones that are made here."""

import gzip
from collections import Counter, defaultdict

import numpy as np
import pytest

import tandem as td
from examples.seq2seq import bible, data
from examples.seq2seq.ngram import KneserNey
from tandem._demo import fashion_mnist

TEXT = """Ge1:1 In the beginning God created the heaven and the earth.
Ge1:2 And the earth was without form,  and void.
Ge2:1 Thus the heavens and the earth were finished.
Exo1:1 Now these are the names of the children of Israel.
"""


@pytest.fixture(scope="module")
def chapters():
    try:
        return bible.read()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_parsing():
    found = bible.parse(TEXT)
    assert [(c.book, c.number, len(c.verses)) for c in found] == [
        ("Genesis", 1, 2),
        ("Genesis", 2, 1),
        ("Exodus", 1, 1),
    ]
    assert found[0].verses[1] == "And the earth was without form, and void."
    with pytest.raises(ValueError, match="got the line 'nothing'"):
        bible.parse("nothing\n")


def test_no_program(monkeypatch):
    monkeypatch.setattr(bible, "COMMAND", ["no-such-program"])
    with pytest.raises(FileNotFoundError, match="try apt-get install bible-kjv bible-kjv-text"):
        bible.read()


def test_the_whole_text(chapters):
    assert len(bible.BOOKS) == 66 == len({chapter.book for chapter in chapters})
    assert (len(chapters), sum(len(chapter.verses) for chapter in chapters)) == (1189, 31102)
    last = chapters[-1]
    assert (last.book, last.number) == ("Revelation", 22) and last.verses[-1].startswith("The grace of our Lord")
    parts = bible.split(chapters)
    assert sorted(c for part in parts for c in part) == sorted(chapters)
    assert {c.book for c in parts.test} == set(bible.HELD_OUT_BOOKS)
    assert 0.04 < len(parts.valid) / len(chapters) < 0.06


def small(words=("beginning", "earth", "God", "heaven", "light", "waters")):
    pytest.importorskip("tokenizers", reason="byte pairs need tokenizers (pip install tokenizers)")
    verses = [f"And the {a} was upon the {b}, and {c}." for a in words for b in words for c in words[:2]]
    chapters = [bible.Chapter("Genesis", k + 1, tuple(verses[k::4])) for k in range(4)]
    return chapters, data.train_tokenizer(chapters, 400), data.Outlines(chapters)


def test_passages_have_every_verse_once():
    chapters, tokenizer, outlines = small()
    sizes = data.Sizes(prompt=40, outline=40, text=60)
    found = data.passages(chapters, tokenizer, outlines, sizes)
    text = "".join(tokenizer.decode(p.text, skip_special_tokens=False) for p in found)
    verses = [verse.strip() for verse in text.split("<verse>")]
    assert verses[-1] == "" and verses[:-1] == [verse for chapter in chapters for verse in chapter.verses]
    assert all(len(p.text) < sizes.text and len(p.prompt) <= sizes.prompt for p in found)
    # The prompt says where the passage is, and what was before it.
    assert tokenizer.decode(found[0].prompt, skip_special_tokens=False).strip() == "Genesis 1<verse>"
    before = tokenizer.decode(found[1].prompt, skip_special_tokens=False).split("<verse>")
    assert before[0].strip() == "Genesis 1"
    assert (
        before[1].strip()
        == tokenizer.decode(found[0].text[:-1], skip_special_tokens=False).split("<verse>")[-1].strip()
    )


def test_outlines_have_rare_words_in_order():
    chapters, _, outlines = small()
    count = outlines.count
    for verse in chapters[0].verses:
        words = outlines.words(verse)
        places = [verse.index(word) for word in words]
        assert len(words) == data.KEY_WORDS and places == sorted(places)
        others = set(data._WORD.findall(verse)) - set(words)
        assert max(count[word.lower()] for word in words) <= min(count[word.lower()] for word in others)


def test_batches():
    batch = data.padded([([7, 8], [9]), ([7] * 9, [5, 6, 7, 8])], 4, 3)
    assert batch.source.tolist() == [[7, 8, 0, 0], [7, 7, 7, 7]]
    assert batch.target.tolist() == [[data.BEGIN, 9, data.END, 0], [data.BEGIN, 5, 6, 7]]
    passage = data.Passage([5], [6], [7])
    assert data.pairs([passage], "text") == [([5], [7])] and data.pairs([passage], "outline") == [([5], [6])]
    assert data.pairs([passage], "outlined") == [([5, data.OUTLINE, 6], [7])]
    with pytest.raises(ValueError, match="got stage='poem'"):
        data.pairs([passage], "poem")


def reference(texts, vocabulary, order):
    """Kneser-Ney by dictionaries, one probability at a time."""
    grams = [Counter() for _ in range(order + 1)]
    for text in texts:
        padded = (vocabulary,) * (order - 1) + tuple(text)
        grams[order].update(padded[k : k + order] for k in range(len(text)))
    for size in range(order - 1, 0, -1):
        grams[size] = Counter(gram[1:] for gram in grams[size + 1])
    discounts, contexts = {}, {}
    for size in range(1, order + 1):
        of = [sum(c == k for c in grams[size].values()) for k in range(1, 5)]
        estimates = [0, 0, 0]
        if min(of):
            y = of[0] / (of[0] + 2 * of[1])
            estimates = [k - (k + 1) * y * of[k] / of[k - 1] for k in (1, 2, 3)]
        good = all(0 < estimate < k + 1 for k, estimate in enumerate(estimates))
        discounts[size] = [0.0] + (estimates if good else [0.75] * 3)
        contexts[size] = defaultdict(list)
        for gram, count in grams[size].items():
            contexts[size][gram[:-1]].append(count)

    def probability(gram):
        if not gram:
            return 1 / vocabulary
        size, rest = len(gram), probability(gram[1:])
        counts = contexts[size].get(gram[:-1])
        if not counts:
            return rest
        discount = discounts[size]
        own = grams[size][gram]
        left = sum(discount[min(c, 3)] for c in counts) / sum(counts)
        return max(own - discount[min(own, 3)], 0) / sum(counts) + left * rest

    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_kneser_ney(rng, order):
    texts = [rng.choice(12, 60, p=np.arange(1, 13) / 78).tolist() for _ in range(8)]
    model, probability = KneserNey(texts, 12, order), reference(texts, 12, order)
    held_out = rng.integers(0, 12, 40).tolist()
    padded = (12,) * (order - 1) + tuple(held_out)
    wanted = [probability(padded[k : k + order]) for k in range(40)]
    np.testing.assert_allclose(model.probabilities(held_out), wanted, rtol=1e-12)
    # Over all tokens that may come next, probabilities add up to 1.
    for context in ([], held_out[:3], texts[0][:7]):
        total = sum(model.probabilities([*context, token])[-1] for token in range(12))
        assert total == pytest.approx(1, rel=1e-12)


def test_ngrams_that_do_not_fit():
    with pytest.raises(ValueError, match="got 5000 tokens and order 5; need at most 4095 and 5"):
        KneserNey([[1, 2]], 5000)


def idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes()))


def test_idx_files(tmp_path, rng):
    for name, count in (("train", 5), ("t10k", 3)):
        idx(tmp_path / f"{name}-images-idx3-ubyte.gz", rng.integers(0, 256, (count, 28, 28), np.uint8))
        idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8))
    train, test = fashion_mnist.load(tmp_path)
    assert train.images.shape == (5, 28, 28) and train.images.dtype == td.uint8
    assert test.labels.tolist() == [0, 1, 2] and test.labels.dtype == td.int64
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    with pytest.raises(ValueError, match="got 4 elements in .*; need"):
        fashion_mnist.load(tmp_path)
    path.write_bytes(gzip.compress(b"no idx file"))
    with pytest.raises(ValueError, match="which is no idx file of bytes"):
        fashion_mnist.load(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="try apt-get install dataset-fashion-mnist"):
        fashion_mnist.load(tmp_path)


@pytest.mark.skipif(not fashion_mnist.FOLDER.exists(), reason="no images (apt-get install dataset-fashion-mnist)")
def test_the_real_images():
    train, test = fashion_mnist.load()
    assert (train.images.shape, test.images.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert td.bincount(train.labels).tolist() == [6000] * 10 and td.bincount(test.labels).tolist() == [1000] * 10
    pixels = fashion_mnist.normalised(train.images)
    assert pixels.shape == (60000, 1, 28, 28) and pixels.dtype == td.float32
    assert abs(float(pixels.mean())) < 1e-3 and abs(float(pixels.std()) - 1) < 1e-3
