"""The page in a real browser: it draws, its script runs without an error, hovering and links highlight."""

import html
import io
import json
import os
import re
import shutil
import subprocess

import pytest
import viz_programs as programs

import tandem as td
from tandem._viz.report import gather

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")

# Uses everything that reacts, and leaves what it saw where the test finds it.
PROBE = """<script>
(() => {
  const seen = { errors: window.failures, on: {} };
  const section = document.querySelector("section.specialization:not([hidden])");
  const on = (selector) => section.querySelectorAll(selector + ".on").length;
  const over = (element) => element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
  over(section.querySelector("svg [data-n]"));
  seen.on.node = [on("svg [data-n]"), on("[data-line]")];
  over(section.querySelector("svg [data-kernel]"));
  seen.on.kernel = [on("svg [data-n]"), on(".row"), on("tr")];
  over(section.querySelector(".row[data-line]"));
  seen.on.line = [on(".row"), on("tr")];
  over(section.querySelector("h2"));
  seen.on.nothing = [on("*")];
  const row = section.querySelector("tr[data-kernel]");
  row.click();
  over(section.querySelector("h2"));
  seen.on.pinned = [on("tr")];
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  seen.on.released = [on("*")];
  const svg = section.querySelector("svg");
  const width = () => Number(svg.getAttribute("width"));
  const before = width();
  section.querySelector("[data-action=larger]").click();
  seen.larger = width() > before;
  section.querySelector("[data-action=fit]").click();
  seen.fit = width() === before;
  section.querySelector("[data-action=collapsed]").click();
  seen.collapsed = [...section.querySelectorAll("svg")].map((item) => item.getClientRects().length);
  document.querySelectorAll(".tabs button, summary").forEach((item) => item.click());
  document.documentElement.dataset.seen = JSON.stringify(seen);
})();
</script>"""
CATCH = "<script>window.failures = []; window.onerror = (text) => { window.failures.push(text); };</script>"


def chromium(tmp_path, *arguments):
    without = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # of the sanitizers
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}",
            *arguments,
        ],
        capture_output=True,
        env=without,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout.decode("utf-8")


def dom(tmp_path, path, fragment=""):
    return chromium(tmp_path, "--window-size=1200,1000", "--dump-dom", path.as_uri() + fragment)


def attribute(text, name):
    found = re.search(f' {name}="([^"]*)"', text)
    return html.unescape(found[1]) if found else None


@pytest.mark.parametrize("program", [programs.mlp, programs.smooth], ids=lambda p: p.__name__)
def test_page_works(tmp_path, program):
    function = programs.compiled(program)
    path = td.viz(function, tmp_path / "page.html")
    text = path.read_text(encoding="utf-8")
    head, body = text.split("<body>")
    path.write_text(head + "<body>" + CATCH + body.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    result = dom(tmp_path, path)
    assert attribute(result, "data-ready") == "true"
    seen = json.loads(attribute(result, "data-seen"))
    assert seen["errors"] == []
    on = seen["on"]
    assert min(on["node"]) >= 1 and min(on["kernel"]) >= 1 and min(on["line"]) >= 1
    assert on["nothing"] == on["released"] == [0] and on["pinned"] == [1]
    assert seen["larger"] and seen["fit"] and seen["collapsed"] == [0, 1]
    (item,) = gather(function).specializations
    literals = sum(node.literal is not None for node in item.graph.walk())
    assert result.count('class="node') >= sum(1 for _ in item.graph.walk()) - literals - 1


@pytest.mark.parametrize(
    "fragment, expected", [("#k1", r'<tr data-kernel="1"[^>]*class="on"'), ("#line=0:%d", "row on")]
)
def test_links_into_the_page(tmp_path, fragment, expected):
    path = td.viz(programs.compiled(programs.mlp), tmp_path / "page.html")
    line = programs.linear.__code__.co_firstlineno + 1
    result = dom(tmp_path, path, fragment % line if "%" in fragment else fragment)
    assert attribute(result, "data-ready") == "true" and re.search(expected, result)


def test_measured_times(tmp_path):
    function = programs.compiled(programs.mlp)
    with td.profiler() as p:
        function(*programs.arguments(programs.mlp))
    path = td.viz(function, tmp_path / "page.html", profile=p)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<body>", "<body>" + CATCH).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    result = dom(tmp_path, path)
    assert json.loads(attribute(result, "data-seen"))["errors"] == []
    assert "time while the profiler was on" in result and '<th class="number">time</th>' in result
    shares = [int(share) for share in re.findall(r'class="bar"[^>]*></span>(\d+)%', result)]
    assert len(shares) == len(p.seconds_by_origin()) > 1 and 97 <= sum(shares) <= 103


def test_screenshot_shows_the_kernels(tmp_path):
    image_module = pytest.importorskip("PIL.Image", reason="looking at a screenshot needs Pillow")
    path = td.viz(programs.compiled(programs.softmax), tmp_path / "page.html")
    picture = tmp_path / "page.png"
    shades = []
    for mode in ("0", "1"):  # dark, light
        settings = f"--blink-settings=preferredColorScheme={mode}"
        chromium(tmp_path, "--window-size=1200,900", settings, f"--screenshot={picture}", path.as_uri())
        image = image_module.open(io.BytesIO(picture.read_bytes())).convert("RGB")
        assert image.size == (1200, 900)
        colours = dict((colour, count) for count, colour in image.getcolors(1 << 24))
        shades.append(sum(max(colours, key=colours.get)))
        blue = sum(count for (r, g, b), count in colours.items() if b > r + 15)
        assert blue > 20000, "the box of the kernel"
    assert shades[0] < 150 < 600 < shades[1]
