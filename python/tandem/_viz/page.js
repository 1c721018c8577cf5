// Highlights what belongs together: operations, kernels and lines of the source. Hovering shows, clicking keeps.
(() => {
  "use strict";
  const words = (element, name) => (element.getAttribute(name) || "").split(" ").filter(Boolean);

  function section(root) {
    const nodes = [...root.querySelectorAll("[data-n]")];
    const kernels = [...root.querySelectorAll("[data-kernel]")];
    const lines = [...root.querySelectorAll("[data-line]")];
    const edges = [...root.querySelectorAll("[data-e]")];
    let pinned = null;
    let shown = [];

    // What an element stands for: operations, kernels and lines, by their names.
    function related(element) {
      if (element.hasAttribute("data-n")) {
        return {
          nodes: new Set(words(element, "data-n")),
          kernels: new Set(words(element, "data-k")),
          lines: new Set(words(element, "data-l")),
        };
      }
      const found = { nodes: new Set(), kernels: new Set(), lines: new Set() };
      if (element.hasAttribute("data-kernel")) {
        words(element, "data-kernel").forEach((k) => found.kernels.add(k));
        words(element, "data-l").forEach((l) => found.lines.add(l));
        for (const node of nodes)
          if (words(node, "data-k").some((k) => found.kernels.has(k))) found.nodes.add(node.getAttribute("data-n"));
      } else {
        const line = element.getAttribute("data-line");
        found.lines.add(line);
        for (const node of nodes)
          if (words(node, "data-l").includes(line)) found.nodes.add(node.getAttribute("data-n"));
        for (const kernel of kernels)
          if (words(kernel, "data-l").includes(line)) words(kernel, "data-kernel").forEach((k) => found.kernels.add(k));
      }
      return found;
    }

    function show(element) {
      shown.forEach((item) => item.classList.remove("on"));
      shown = [];
      root.classList.toggle("focus", element !== null);
      root.classList.toggle("pinned", element !== null && element === pinned);
      if (element === null) return;
      const { nodes: n, kernels: k, lines: l } = related(element);
      shown = [
        ...nodes.filter((item) => n.has(item.getAttribute("data-n"))),
        ...kernels.filter((item) => words(item, "data-kernel").some((name) => k.has(name))),
        ...lines.filter((item) => l.has(item.getAttribute("data-line"))),
        ...edges.filter((item) => words(item, "data-e").some((name) => n.has(name))),
      ];
      shown.forEach((item) => item.classList.add("on"));
    }

    function reveal(element) {
      for (const pane of root.querySelectorAll(".scroll")) {
        if (pane.contains(element)) continue;
        const first = shown.find((item) => pane.contains(item) && item.getClientRects().length);
        if (!first) continue;
        const box = first.getBoundingClientRect();
        const view = pane.getBoundingClientRect();
        if (box.top < view.top + 30 || box.bottom > view.bottom)
          pane.scrollTop += (box.top + box.bottom) / 2 - (view.top + view.bottom) / 2;
        if (pane.closest(".source")) continue; // lines are read from their beginning
        if (box.left < view.left || box.right > view.right)
          pane.scrollLeft += (box.left + box.right) / 2 - (view.left + view.right) / 2;
      }
    }

    const target = (event) => event.target.closest("[data-n], [data-kernel], [data-line]");
    root.addEventListener("mouseover", (event) => {
      if (pinned === null) show(target(event));
    });
    root.addEventListener("mouseleave", () => {
      if (pinned === null) show(null);
    });
    function pin(element) {
      pinned = element === pinned ? null : element;
      show(pinned);
      if (pinned) reveal(pinned);
    }
    root.addEventListener("click", (event) => {
      if (event.target.closest("button, summary")) return;
      pin(target(event));
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") pin(null);
    });

    // The drawing: operations or kernels only, and its size.
    const pane = root.querySelector(".panel.graph");
    if (pane) {
      const drawings = [...pane.querySelectorAll("svg")];
      const view = pane.querySelector(".scroll");
      let scale = null; // null: as wide as the pane, but not larger than drawn
      const size = () => {
        for (const svg of drawings) {
          const width = svg.viewBox.baseVal.width;
          const s = scale ?? Math.min(1, Math.max(0.65, (view.clientWidth - 2) / width));
          svg.setAttribute("width", width * s);
          svg.setAttribute("height", svg.viewBox.baseVal.height * s);
        }
      };
      const current = () => {
        const svg = drawings.find((item) => item.getClientRects().length) || drawings[0];
        return svg.getAttribute("width") / svg.viewBox.baseVal.width;
      };
      pane.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        const action = button.dataset.action;
        if (action === "larger" || action === "smaller") {
          scale = Math.min(3, Math.max(0.15, current() * (action === "larger" ? 1.25 : 0.8)));
        } else if (action === "fit") {
          scale = null;
        } else {
          drawings.forEach((svg) => svg.toggleAttribute("hidden", !svg.classList.contains(action)));
          pane.querySelectorAll("[data-action=full], [data-action=collapsed]").forEach((other) => {
            other.setAttribute("aria-pressed", String(other === button));
          });
        }
        size();
      });
      root.resize = size;
      window.addEventListener("resize", size);
      size();
    }
    root.pin = (selector) => {
      const element = root.querySelector(selector);
      if (!element) return;
      pin(element);
      reveal(null);
    };
  }

  const sections = [...document.querySelectorAll("section.specialization")];
  sections.forEach(section);
  const tabs = [...document.querySelectorAll(".tabs button")];
  tabs.forEach((tab, number) => {
    tab.addEventListener("click", () => {
      tabs.forEach((other, k) => other.setAttribute("aria-selected", String(k === number)));
      sections.forEach((other, k) => other.toggleAttribute("hidden", k !== number));
      sections[number].resize?.();
    });
  });

  // page.html#k2 shows kernel 2, page.html#line=0:12 a line: for links from elsewhere.
  const asked = decodeURIComponent(location.hash.slice(1));
  const shown = sections.find((item) => !item.hidden);
  if (shown && /^k\d+$/.test(asked)) shown.pin(`[data-kernel~="${asked.slice(1)}"]`);
  if (shown && /^line=\d+:\d+$/.test(asked)) shown.pin(`[data-line="${asked.slice(5)}"]`);
  document.documentElement.dataset.ready = "true";
})();
