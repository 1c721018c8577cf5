"""The page as text: well formed, self-contained, complete, and safe from what the user's code contains."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import viz_programs as programs

import tandem as td
from tandem._viz import page as pages
from tandem._viz.highlight import lines as highlighted
from tandem._viz.report import gather

VOID = {"meta", "br", "hr", "img", "input", "link", "path", "rect"}  # in SVG those two end themselves


class Checker(HTMLParser):
    """Collects elements and text; every tag must be closed in order."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], {}

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID, tag
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def having(self, name):
        return [attributes for _, attributes in self.elements if name in attributes]


def parse(text):
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker


def page_of(function, seconds=None):
    return pages.render(gather(function, seconds))


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda p: p.__name__)
def test_page_is_well_formed_and_complete(program):
    function = programs.compiled(program)
    (item,) = gather(function).specializations
    checker = parse(page_of(function))
    tags = [tag for tag, _ in checker.elements]
    assert tags.count("svg") == 2 and tags.count("script") == tags.count("style") == 1
    drawn = {attributes["data-n"] for attributes in checker.having("data-n")}
    literals = {node.id for node in item.graph.walk() if node.literal is not None}
    assert drawn >= {node.id for node in item.graph.walk()} - literals
    known = {attributes["data-line"] for attributes in checker.having("data-line")}
    kernels = [attributes for attributes in checker.having("data-kernel")]
    assert {k for attributes in kernels for k in attributes["data-kernel"].split()} == {
        str(k.number) for k in item.kernels
    }
    for attributes in kernels:  # in both drawings and in the table
        assert attributes["data-l"] and set(attributes["data-l"].split()) <= known
    for attributes in checker.having("data-n"):
        assert set(attributes["data-l"].split()) <= known
    texts = "".join(checker.text["pre"] + checker.text["span"])
    for stage in ("captured", "optimized"):
        assert function.ir(stage).splitlines()[-2] in texts


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda p: p.__name__)
def test_page_needs_nothing_else(program):
    text = page_of(programs.compiled(program))
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(|<link|<img|<iframe", text, re.IGNORECASE)
    for _, attributes in parse(text).elements:
        assert not {"src", "href", "xlink:href", "srcset", "action"} & set(attributes)


EVIL = """
def evil(x):
    name = "</script><script>alert('1')</script>"  # <img src=x onerror=alert(1)> & "quotes"
    return x * 2, name
"""


def test_what_the_user_wrote_is_escaped(tmp_path):
    # Names of files and functions are the user's as well.
    path = tmp_path / "<b>&'\".py"
    path.write_text(EVIL)
    scope = {}
    exec(compile(EVIL, str(path), "exec"), scope)
    function = td.script(scope["evil"])
    function.__qualname__ = "<i>evil</i>"
    function(td.ones((3,)))
    text = page_of(function)
    checker = parse(text)
    tags = {tag for tag, _ in checker.elements}
    assert "img" not in tags and "<b>&" not in text and "<i>evil" not in text
    assert [tag for tag, _ in checker.elements].count("script") == 1
    assert "alert('1')" not in "".join(checker.text["script"])
    assert "<img src=x onerror=alert(1)>" in "".join(checker.text["span"]), "shown, as text"
    assert not any(name.startswith("on") for _, attributes in checker.elements for name in attributes)


def test_highlighted_source_is_the_source():
    source = Path(programs.__file__).read_text().splitlines()
    for text, plain in zip(highlighted(source), source, strict=True):
        assert html.unescape(re.sub(r"<[^>]*>", "", text)) == plain
    assert highlighted(["    @td.script(1)", "    def f(x):  # 'no'"]) == [
        '    <span class="d">@td.script</span>(<span class="n">1</span>)',
        '    <span class="k">def</span> f(x):  <span class="c"># &#x27;no&#x27;</span>',
    ]
    assert highlighted(["a < b)", "'''x", "y"]) == ["a &lt; b)", "&#x27;&#x27;&#x27;x", "y"]


def test_all_specialisations_have_a_tab_but_only_some_are_drawn(monkeypatch):
    monkeypatch.setattr(pages, "DRAWN", 2)
    function = td.script(programs.softmax)
    for dtype in (td.float32, td.float64, td.float16):
        function(td.ones((4, 5), dtype=dtype))
    checker = parse(page_of(function))
    sections = [attributes for tag, attributes in checker.elements if tag == "section"]
    assert len(sections) == 2 and ["hidden" in attributes for attributes in sections] == [True, False]
    tabs = [attributes for attributes in checker.having("role") if attributes["role"] == "tab"]
    assert [attributes["aria-selected"] for attributes in tabs] == ["false", "true"]
    assert " (the last 2 are shown)" in "".join(checker.text["span"])


def test_times_are_shown_where_they_were_measured():
    function = programs.compiled(programs.mlp)
    assert "share" not in "".join(parse(page_of(function)).text["th"])
    first, second, *_ = (row["origin"] for row in function.specializations[0].executable.kernels())
    checker = parse(page_of(function, dict(zip([first, second], [3e-6, 1e-6], strict=True))))
    assert "share" in checker.text["th"]
    cells = checker.text["td"] + checker.text["span"]
    assert "3 µs" in cells and "75%" in cells and "not measured" in cells


def test_large_program_is_drawn_kernel_by_kernel(monkeypatch):
    monkeypatch.setattr(pages, "OPERATIONS", 20)
    function = programs.compiled(programs.deep)
    checker = parse(page_of(function))
    assert [tag for tag, _ in checker.elements].count("svg") == 1
    assert len([a for a in checker.having("data-kernel")]) == 2 * len(gather(function).specializations[0].kernels)


def test_write(tmp_path, monkeypatch):
    function = programs.compiled(programs.softmax)
    path = td.viz(function, tmp_path / "page.html")
    assert path == tmp_path / "page.html" and path.read_text(encoding="utf-8") == page_of(function)
    monkeypatch.chdir(tmp_path)
    assert td.viz(function) == Path("softmax.html") and Path("softmax.html").exists()
    nameless = td.script(lambda x: x + 1)
    nameless(td.ones((2,)))
    assert td.viz(nameless) == Path("lambda.html")
    with td.profiler() as p:
        function(*programs.arguments(programs.softmax))
    assert td.viz(function, "timed.html", profile=p).read_text(encoding="utf-8").count("100%") > 0


def test_methods_can_be_shown(tmp_path):
    class Model:
        @td.script
        def forward(self, x):
            return td.exp(x)

    model = Model()
    model.forward(td.ones((3,)))
    assert "Model.forward" in td.viz(model.forward, tmp_path / "m.html").read_text(encoding="utf-8")


def test_what_cannot_be_shown_is_told(tmp_path):
    with pytest.raises(TypeError, match=r"viz: got <function softmax .*; need a compiled function; try td.script"):
        td.viz(programs.softmax, tmp_path / "x.html")
    with pytest.raises(
        td.CaptureError, match="viz: got 'softmax' before its first call; need a capture; try calling it"
    ):
        td.viz(td.script(programs.softmax), tmp_path / "x.html")
    assert not list(tmp_path.iterdir())


def test_refused_function_says_why(tmp_path):
    def refused(x):
        return x if float(x.sum()) > 0 else "a < b"

    function = td.script(fallback=True)(refused)
    with pytest.warns(RuntimeWarning):
        function(td.ones((2,)))
    checker = parse(td.viz(function, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "runs eagerly, because it cannot be captured" in "".join(checker.text["div"])


def test_notebook_shows_the_page_in_a_frame():
    function = programs.compiled(programs.softmax)
    frame = function.explain()._repr_html_()
    ((tag, attributes),) = parse(frame).elements
    assert tag == "iframe" and attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == page_of(function)


def test_importing_tandem_does_not_load_the_page(run_python):
    program = "import sys, tandem as td; print(td.viz.__name__, any('_viz' in name for name in sys.modules))"
    assert run_python(program) == "viz False"
