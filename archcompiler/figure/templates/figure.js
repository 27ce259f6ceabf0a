"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const panels = new Map(
    [...document.querySelectorAll(".panel")].map((p) => [p.id.slice("panel-".length), p]),
  );
  const tip = $("tip"), search = $("search"), hits = $("hits");
  const top = panels.keys().next().value;
  const home = panels.has(document.documentElement.dataset.home) ? document.documentElement.dataset.home : top;
  let current = null, views = new Map(), trodden = new Map();

  // The hash is the state: `#panel` or `#panel:node`.
  const go = (hash) => {
    const before = location.hash;
    location.hash = encodeURI(hash);
    if (location.hash === before) show();
  };
  const state = () => {
    let hash = "";
    try { hash = decodeURI(location.hash.slice(1)); } catch { /* a broken link leads home */ }
    const at = hash.indexOf(":");
    const panel = at < 0 ? hash : hash.slice(0, at);
    return panels.has(panel) ? { panel, node: at < 0 ? "" : hash } : { panel: home, node: "" };
  };

  function show() {
    const { panel, node } = state();
    const first = current === null, left = current;
    if (left && document.activeElement.closest(".node")) trodden.set(left, document.activeElement.id);
    for (const [id, element] of panels) element.hidden = id !== panel;
    current = panel;
    const section = panels.get(panel);
    document.title = panel === top ? data.title : section.dataset.title + " · " + data.title;
    trail(section);
    $("up").disabled = panel === top;
    open();
    document.querySelectorAll(".found").forEach((n) => n.classList.remove("found"));
    hideTip();
    const target = node && document.getElementById(node);
    if (target) {
      target.classList.add("found");
      target.focus({ preventScroll: true });
      reveal(target);
    } else if (!first && left !== panel) {
      // Where the reader was in this panel, or its heading: the keyboard goes on from there.
      const before = trodden.get(panel) && document.getElementById(trodden.get(panel));
      (before || section.querySelector("h1")).focus({ preventScroll: true });
    }
  }

  function reveal(node) {
    const canvas = node.closest(".canvas").getBoundingClientRect(), box = node.getBoundingClientRect();
    if (box.left >= canvas.left && box.right <= canvas.right && box.top >= canvas.top && box.bottom <= canvas.bottom) return;
    const v = view(), scale = svg().getScreenCTM().a;
    v.x += (box.left + box.width / 2 - canvas.left - canvas.width / 2) / scale;
    v.y += (box.top + box.height / 2 - canvas.top - canvas.height / 2) / scale;
    apply(v);
  }

  function trail(section) {
    const parts = [];
    const items = [...section.querySelectorAll("ol li")];
    items.forEach((item, i) => {
      const last = i === items.length - 1;
      const part = document.createElement(last ? "span" : "a");
      part.textContent = item.textContent;
      if (last) part.setAttribute("aria-current", "page");
      else part.href = "#" + encodeURI(item.dataset.link);
      if (i) { const sep = document.createElement("i"); sep.textContent = "›"; parts.push(sep); }
      parts.push(part);
    });
    $("trail").replaceChildren(...parts);
  }

  function up() {
    const items = panels.get(current).querySelectorAll("ol li");
    if (items.length > 1) go(items[items.length - 2].dataset.link);
  }

  // Tooltips. Of two networks in one file, each scope says whose it is.
  const nameOf = (info) => (info.network ? info.network + ": " : "") + info.scope + (info.count > 1 ? " × " + info.count : "");
  const count = (n) => n.toLocaleString("en-US");
  function showTip(node, x, y) {
    const info = data.nodes[node.id];
    if (!info) return hideTip();
    const title = document.createElement("b");
    title.textContent = nameOf(info);
    const list = document.createElement("dl");
    const rows = [["what", info.what], ["output", info.shape]];
    if (info.parameters !== null) rows.push(["parameters", count(info.parameters)]);
    if (info.macs !== null) rows.push(["MACs", count(info.macs)]);
    rows.push(["spec", info.spec]);
    for (const [term, words] of rows) {
      if (!words) continue;
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = term; dd.textContent = words;
      list.append(dt, dd);
    }
    tip.replaceChildren(title, list);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? Math.max(8, y - box.height - 12) : y + 18) + "px";
  }
  function hideTip() { tip.hidden = true; }
  const nodeOf = (event) => event.target.closest && event.target.closest(".node");

  document.addEventListener("pointermove", (event) => {
    const node = nodeOf(event);
    if (node && !drag) showTip(node, event.clientX, event.clientY);
    else if (!drag) hideTip();
  });
  document.addEventListener("focusin", (event) => {
    const node = nodeOf(event);
    if (!node || !node.matches(":focus-visible")) return;
    const box = node.getBoundingClientRect();
    showTip(node, box.left, box.bottom - 14);
    node.setAttribute("aria-describedby", "tip");
  });
  document.addEventListener("focusout", (event) => {
    const node = nodeOf(event);
    if (node) node.removeAttribute("aria-describedby");
    hideTip();
  });

  // Pan and zoom, by the view box of each panel.
  const svg = () => panels.get(current).querySelector("svg");
  const READABLE = 10 / 7; // pixels a point: the smallest text is 7 points
  function view() {
    if (!views.has(current)) {
      const [x, y, w, h] = svg().getAttribute("viewBox").split(" ").map(Number);
      views.set(current, { x, y, w, h, full: { x, y, w, h } });
    }
    return views.get(current);
  }
  function open() {
    // The first panel opens as a whole; another that is too large to be read so at its beginning.
    if (views.has(current)) return;
    const v = view(), { width, height } = svg().getBoundingClientRect();
    if (current === top) return;
    if (!width || Math.min(width / v.w, height / v.h) >= READABLE) return;
    const scale = Math.max(READABLE, Math.min(width / v.w, 1.2 * READABLE));
    v.x -= Math.max(0, (width / scale - v.w) / 2);
    v.w = width / scale; v.h = height / scale;
    apply(v);
  }
  const apply = (v) => svg().setAttribute("viewBox", [v.x, v.y, v.w, v.h].join(" "));
  function zoom(factor, cx = 0.5, cy = 0.5) {
    const v = view(), limit = Math.min(Math.max(v.w * factor, v.full.w / 12), v.full.w * 2);
    const f = limit / v.w;
    v.x += v.w * (1 - f) * cx; v.y += v.h * (1 - f) * cy; v.w *= f; v.h *= f;
    apply(v);
  }
  function fit() { const v = view(); Object.assign(v, v.full); apply(v); }
  // One pointer moves, two zoom.
  const pointers = new Map();
  let drag = null;
  document.querySelectorAll(".canvas").forEach((canvas) => {
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoomAt(canvas, Math.exp(event.deltaY * 0.0015), event);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      drag = { canvas, moved: pointers.size > 1 };
    });
  });
  function zoomAt(canvas, factor, { clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    zoom(factor, (clientX - box.left) / box.width, (clientY - box.top) / box.height);
  }
  addEventListener("pointermove", (event) => {
    const was = pointers.get(event.pointerId);
    if (!drag || !was) return;
    const now = { x: event.clientX, y: event.clientY };
    if (!drag.moved && Math.hypot(now.x - was.x, now.y - was.y) < 4) return;
    if (!drag.moved) { drag.moved = true; drag.canvas.classList.add("dragging"); hideTip(); }
    const v = view(), scale = svg().getScreenCTM().a;
    if (pointers.size > 1) {
      const [, other] = [...pointers].find(([id]) => id !== event.pointerId);
      const apart = (p) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
      zoomAt(drag.canvas, apart(was) / apart(now), { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 });
    } else {
      v.x -= (now.x - was.x) / scale; v.y -= (now.y - was.y) / scale;
      apply(v);
    }
    pointers.set(event.pointerId, now);
  });
  addEventListener("pointerup", (event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    const { canvas, moved } = drag;
    canvas.classList.remove("dragging");
    drag = null;
    const node = nodeOf(event);
    if (!moved && node && node.dataset.link) go(node.dataset.link);
  });
  addEventListener("pointercancel", (event) => { pointers.delete(event.pointerId); if (!pointers.size) drag = null; });

  // Search: in the words of every node, and by the paths of scopes that share another's panel.
  const plain = (text) => text.toLowerCase().replaceAll("×", "x").replace(/\bbn\b/g, "bn batch norm");
  const index = Object.entries(data.nodes).map(([id, info]) => ({
    id, scope: nameOf(info), words: info.what + " · " + info.shape,
    text: plain([info.network || "", info.scope, info.what, info.class, info.spec, info.shape].join(" ")),
    link: document.getElementById(id) && document.getElementById(id).dataset.link,
  })).filter((entry) => document.getElementById(entry.id));
  for (const [path, id] of data.also) {
    const words = "the same as " + panels.get(id).dataset.title;
    index.push({ id, scope: path, words, text: plain(path + " " + words) });
  }
  // A run of equal scopes is drawn once, for its first: `attention4` is found as `attention1`.
  const runs = Object.values(data.nodes).map((info) => {
    const parts = /^(.*?)(\d+)$/.exec(info.scope);
    return parts && info.count > 1 ? { prefix: parts[1].toLowerCase(), first: +parts[2], count: info.count } : null;
  }).filter(Boolean).sort((a, b) => a.prefix.length - b.prefix.length);
  function drawn(query) {
    for (const { prefix, first, count } of runs) {
      // By its whole path, or by the end of it.
      const names = prefix.split("/");
      for (const start of names.map((_, i) => names.slice(i).join("/"))) {
        if (!query.startsWith(start)) continue;
        const [number] = /^\d*/.exec(query.slice(start.length));
        if (number && +number >= first && +number < first + count) query = start + first + query.slice(start.length + number.length);
      }
    }
    return query;
  }
  const MOST = 40;
  let rest = 0;
  let found = [], chosen = 0;
  function look() {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    const fit = words.length ? index.filter((e) => words.every((w) => e.text.includes(w) || e.text.includes(drawn(w)))) : [];
    // What has an inside before operators, outer scopes before inner ones; what is drawn twice once.
    const rank = (e) => (e.link ? 0 : 100) + e.scope.split("/").length;
    const all = [...new Map(fit.map((e) => [e.scope, e])).values()].sort((a, b) => rank(a) - rank(b));
    found = all.slice(0, MOST);
    rest = all.length - found.length;
    chosen = 0;
    hits.hidden = !words.length;
    search.setAttribute("aria-expanded", String(!hits.hidden));
    list();
  }
  function list() {
    const items = found.map((entry, i) => {
      const item = document.createElement("li"), small = document.createElement("small");
      item.setAttribute("role", "option");
      item.id = "hit-" + i;
      item.setAttribute("aria-selected", String(i === chosen));
      item.textContent = entry.scope;
      small.textContent = entry.words;
      item.append(small);
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); pick(i); });
      return item;
    });
    if (!items.length) {
      const none = document.createElement("li");
      none.className = "none"; none.textContent = "nothing found";
      items.push(none);
    }
    if (rest) {
      const more = document.createElement("li");
      more.className = "more"; more.textContent = "and " + rest + " more";
      items.push(more);
    }
    hits.replaceChildren(...items);
    if (found.length) search.setAttribute("aria-activedescendant", "hit-" + chosen);
    else search.removeAttribute("aria-activedescendant");
    const active = hits.children[chosen];
    if (active) active.scrollIntoView({ block: "nearest" });
  }
  function pick(i) {
    if (!found[i]) return;
    const id = found[i].id;
    close();
    search.blur();
    go(id);
  }
  function close() { search.value = ""; hits.hidden = true; search.setAttribute("aria-expanded", "false"); }
  search.addEventListener("input", look);
  search.addEventListener("blur", () => { hits.hidden = true; search.setAttribute("aria-expanded", "false"); });
  search.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) { chosen = (chosen + step + found.length) % found.length; list(); event.preventDefault(); }
    else if (event.key === "Enter") pick(chosen);
    else if (event.key === "Escape") { close(); search.blur(); }
    event.stopPropagation();
  });

  // Light and dark.
  const root = document.documentElement;
  const isDark = () => root.dataset.scheme ? root.dataset.scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const caption = () => {
    $("scheme").textContent = isDark() ? "Light" : "Dark";
    root.style.colorScheme = isDark() ? "dark" : "light";
  };
  function toggle() { root.dataset.scheme = isDark() ? "light" : "dark"; caption(); }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", caption);

  // The current panel as a file of its own: colours in place of their names.
  function save() {
    const copy = svg().cloneNode(true), style = getComputedStyle(root);
    const v = view().full;
    copy.setAttribute("viewBox", [v.x, v.y, v.w, v.h].join(" "));
    copy.setAttribute("width", v.w + "pt"); copy.setAttribute("height", v.h + "pt");
    const real = (value) => value.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
    for (const element of copy.querySelectorAll("[fill], [stroke]")) {
      for (const name of ["fill", "stroke"]) {
        if (element.hasAttribute(name)) element.setAttribute(name, real(element.getAttribute(name)));
      }
    }
    for (const node of copy.querySelectorAll(".node")) {
      ["class", "tabindex", "data-link"].forEach((name) => node.removeAttribute(name));
      node.setAttribute("role", "img");
    }
    const page = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ x: v.x, y: v.y, width: v.w, height: v.h, fill: real("var(--page)") })) page.setAttribute(name, value);
    copy.prepend(page);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
    link.download = data.name + "-" + current + ".svg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const help = () => $("keys").showModal();
  const actions = { up, help, in: () => zoom(0.8), out: () => zoom(1.25), fit, scheme: toggle, save };
  for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
  const keys = { "?": help, Escape: up, Backspace: up, u: up, "+": actions.in, "=": actions.in, "-": actions.out, 0: fit, d: toggle, s: save };
  function move(event) {
    // Arrow keys go to the nearest node that way.
    const node = document.activeElement.closest && document.activeElement.closest(".node");
    const all = [...panels.get(current).querySelectorAll(".node")];
    if (!node) { if (all[0]) all[0].focus(); return; }
    const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const mid = (n) => { const b = n.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; };
    const [x, y] = mid(node);
    let best = null, least = Infinity;
    for (const other of all) {
      const [ox, oy] = mid(other), along = (ox - x) * dx + (oy - y) * dy, across = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
      if (other !== node && along > 1 && along + 2 * across < least) { best = other; least = along + 2 * across; }
    }
    if (best) best.focus();
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
    const node = nodeOf(event);
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    else if ((event.key === "Enter" || event.key === " ") && node) { event.preventDefault(); if (node.dataset.link) go(node.dataset.link); }
    else if (event.key.startsWith("Arrow")) { event.preventDefault(); move(event); }
    else if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  addEventListener("hashchange", show);
  caption();
  show();
})();
