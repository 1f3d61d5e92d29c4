"use strict";
// Draws the figures of a report from the numbers in the page, and moves its sliders. No library:
// the file must open from a disk, years from now, without a network.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const DASHES = ["", "6 3", "2 2", "8 3 2 3", "", "6 3", "2 2", "8 3 2 3"];
  const tip = document.getElementById("tip");

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const html = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const colour = (role) => `var(--${typeof role === "number" ? `s${role % 8}` : role})`;
  // Only lines with few points: dashes and noise look alike.
  const dash = (series) => {
    if (Math.max(series.x.length, series.y.length) > 60) return "";
    const { role } = series;
    return typeof role === "number" ? DASHES[role % 8] : role === "held-out" ? "6 3" : "";
  };
  const axisText = (axis) => (axis.unit ? `${axis.label} (${axis.unit})` : axis.label);
  const isNumber = (value) => value !== null && value !== undefined;

  const short = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e5 || size < 1e-3) return value.toExponential(2).replace("e+", "e");
    return value.toLocaleString("en", { maximumSignificantDigits: size >= 1e3 ? 6 : 4 });
  };

  // Scales -----------------------------------------------------------------------------------

  const linear = (low, high, from, to) => {
    const at = (value) => from + ((value - low) / (high - low)) * (to - from);
    at.invert = (pixel) => low + ((pixel - from) / (to - from)) * (high - low);
    at.ticks = (count) => {
      const rough = (high - low) / Math.max(1, count);
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) || 10);
      const ticks = [];
      for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1)
        ticks.push(Number((i * step).toPrecision(12)));
      return ticks;
    };
    return at;
  };
  const logarithmic = (low, high, from, to) => {
    const [a, b] = [Math.log10(low), Math.log10(high)];
    const inner = linear(a, b, from, to);
    const at = (value) => inner(Math.log10(value));
    at.invert = (pixel) => 10 ** inner.invert(pixel);
    at.ticks = (count) => {
      if (b - a < 0.8) return linear(low, high, from, to).ticks(Math.min(4, count));
      const factors = b - a > count ? [1] : b - a > 1.5 ? [1, 3] : [1, 2, 5];
      const every = Math.max(1, Math.ceil((b - a) / count));
      const ticks = [];
      for (let power = Math.floor(a); power <= Math.ceil(b); power += every)
        for (const factor of factors) {
          const tick = Number((factor * 10 ** power).toPrecision(3));
          if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
        }
      return ticks.length > 1 ? ticks : linear(low, high, from, to).ticks(count);
    };
    return at;
  };
  const range = (values, share = 0.05) => {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values)
      if (isNumber(value)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    if (low > high) return [0, 1];
    if (high - low < 1e-12 * Math.max(Math.abs(low), Math.abs(high), 1e-300) || low === high) {
      const half = Math.abs(low) * 0.1 || 1;
      return [low - half, high + half];
    }
    const pad = (high - low) * share;
    return [low - pad, high + pad];
  };

  // One figure -------------------------------------------------------------------------------

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.data = JSON.parse(figure.querySelector("script").textContent);
      this.kind = KINDS[this.data.is];
      this.plot = figure.querySelector(".plot");
      this.small = figure.classList.contains("small");
      this.hidden = new Set();
      this.zoom = null;
      this.cursor = -1;
      this.log = this.data.y.log && this.positive();
      this.tools();
      this.surface = html("div");
      this.plot.append(this.surface);
      new ResizeObserver(() => this.draw()).observe(this.plot);
    }

    positive() {
      const values = this.data.series.flatMap((s) => s.y).filter(isNumber);
      return values.some((value) => value > 0) && values.every((value) => value >= 0);
    }

    shown() {
      return this.data.series.filter((series) => !this.hidden.has(series.name));
    }

    tools() {
      if (this.small && this.data.series.length < 2) return;
      const legend = html("div", { className: "legend" });
      for (const series of this.data.series) {
        const button = html("button", { type: "button", title: "Show or hide" });
        button.append(this.key(series), series.name);
        button.setAttribute("aria-pressed", "true");
        button.onclick = () => {
          const gone = this.hidden.delete(series.name) ? false : this.hidden.add(series.name);
          button.setAttribute("aria-pressed", gone ? "false" : "true");
          this.draw();
        };
        legend.append(button);
      }
      if (this.small) {
        this.plot.append(html("div", { className: "tools" }, legend));
        return;
      }
      const buttons = [];
      this.reset = html("button", { type: "button", textContent: "Reset zoom", hidden: true });
      this.reset.onclick = () => {
        this.zoom = null;
        this.draw();
      };
      buttons.push(this.reset);
      if (this.kind.scales && this.positive()) {
        const scale = html("button", { type: "button" });
        const label = () => {
          scale.textContent = this.log ? "Linear" : "Log";
          scale.title = `Draw the values on a ${this.log ? "linear" : "logarithmic"} axis`;
        };
        scale.onclick = () => {
          this.log = !this.log;
          label();
          this.draw();
        };
        label();
        buttons.push(scale);
      }
      const save = html("button", { type: "button", textContent: "CSV", title: "Save the numbers" });
      save.onclick = () => this.save();
      buttons.push(save);
      this.plot.append(html("div", { className: "tools" }, legend, ...buttons));
    }

    key(series) {
      const svg = element("svg", { viewBox: "0 0 20 10", "aria-hidden": "true" });
      svg.append(this.kind.key(series, this.data));
      return svg;
    }

    draw() {
      const width = Math.floor(this.plot.clientWidth);
      if (width < 40) return;
      const [xs, ys] = this.kind.domains(this);
      const square = this.data.is === "Scatter";
      const most = this.small ? 130 : square ? 460 : 300;
      const height = Math.round(
        this.small ? most + 6 : Math.min(most, Math.max(220, width * (square ? 0.92 : 0.6))),
      );
      const make = this.log ? logarithmic : linear;
      const bottom = this.kind.bottom ? this.kind.bottom(this, width) : this.small ? 34 : 42;
      // Twice, since the labels along y decide how much room is left for x.
      const top = this.small ? 16 : 28;
      let y = make(ys[0], ys[1], height - bottom, top);
      const yTicks = y.ticks(this.small ? 3 : 5);
      const wordy = Math.max(...yTicks.map((tick) => short(tick).length), 1);
      const left = 8 + wordy * 6.6 + 6;
      const box = { left, right: width - 10, top, bottom: height - bottom, width, height };
      let x = linear(xs[0], xs[1], box.left, box.right);
      if (square && !this.zoom) [x, y] = equal(xs, ys, box);
      this.box = box;
      this.x = x;
      this.y = y;
      const svg = element("svg", {
        viewBox: `0 0 ${width} ${height}`, width, height, role: "img", tabindex: "0",
        "aria-label": this.plot.dataset.label,
      });
      const clip = `clip-${++clips}`;
      svg.append(
        element("clipPath", { id: clip }, element("rect", {
          x: box.left, y: box.top - 4, width: Math.max(1, box.right - box.left + 4),
          height: box.bottom - box.top + 5,
        })),
      );
      this.axes(svg, square ? y.ticks(5) : yTicks);
      const inside = element("g", { "clip-path": `url(#${clip})` });
      this.kind.draw(this, inside);
      svg.append(inside);
      this.annotate(svg);
      this.over = element("g");
      svg.append(this.over);
      this.surface.replaceChildren(svg);
      if (this.reset) this.reset.hidden = !this.zoom;
      this.listen(svg);
    }

    axes(svg, yTicks) {
      const { box, x, y, data } = this;
      for (const tick of yTicks) {
        const at = y(tick);
        if (at < box.top - 1 || at > box.bottom + 1) continue;
        svg.append(
          element("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "grid" }),
          element("text", { x: box.left - 6, y: at + 4, "text-anchor": "end" }, short(tick)),
        );
      }
      if (this.kind.xTicks) this.kind.xTicks(this, svg);
      else
        for (const tick of x.ticks(this.small ? 4 : Math.max(3.6, Math.min(7, (box.right - box.left) / 80)))) {
          const at = x(tick);
          if (at < box.left - 1 || at > box.right + 1) continue;
          const anchor = at > box.right - 14 ? "end" : "middle";
          svg.append(
            element("line", { x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4, class: "frame" }),
            element("text", { x: at, y: box.bottom + 16, "text-anchor": anchor }, short(tick)),
          );
        }
      svg.append(
        element("line", {
          x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "frame",
        }),
        element("text", {
          x: (box.left + box.right) / 2, y: box.height - (this.small ? 4 : 6),
          "text-anchor": "middle", class: "axis-label",
          style: `font-size: ${sized(axisText(data.x), box.right - box.left)}px`,
        }, fitted(axisText(data.x), box.right - box.left)),
      );
      // Above the axis and not along it: long names stay readable.
      const name = this.small ? data.y.label : axisText(data.y);
      svg.append(
        element("text", {
          x: 2, y: this.small ? 9 : 13, class: "axis-label",
          style: `font-size: ${this.small ? 10 : sized(name, box.right)}px`,
        }, fitted(name, box.right)),
      );
    }

    annotate(svg) {
      const { box, x, y, data } = this;
      const along = data.is === "Histogram";
      for (const reference of data.references || []) {
        const at = along ? x(reference.value) : y(reference.value);
        const [low, high] = along ? [box.left, box.right] : [box.top, box.bottom];
        if (!(at >= low - 1 && at <= high + 1)) continue;
        const ends = along
          ? { x1: at, x2: at, y1: box.top, y2: box.bottom }
          : { x1: box.left, x2: box.right, y1: at, y2: at };
        svg.append(element("line", { ...ends, class: "reference" }));
        if (this.small) continue;
        const flip = along && at > (box.left + box.right) / 2;
        const place = along
          ? { x: at + (flip ? -5 : 5), y: box.top + 10, "text-anchor": flip ? "end" : "start" }
          : { x: box.right - 3, y: at - 4, "text-anchor": "end" };
        if (reference.label !== "0" || along)
          svg.append(element("text", { ...place, class: "halo" }, reference.label));
      }
      const labels = [];
      const rows = Array.from({ length: 3 }, () => []); // what is taken of each row of labels
      for (const mark of data.marks || []) {
        const at = x(mark.x);
        if (at < box.left || at > box.right) continue;
        svg.append(element("line", {
          x1: at, x2: at, y1: box.top, y2: box.bottom, class: `mark ${mark.tone}`,
        }));
        const width = 6 + mark.label.length * 5.6;
        const flip = at + width > box.right;
        const [from, to] = flip ? [at - width, at] : [at, at + width];
        const row = rows.findIndex((taken) => taken.every(([a, b]) => to <= a || from >= b));
        if (row < 0 || from < box.left) continue; // no room: the pointer tells
        rows[row].push([from, to]);
        const text = element("text", {
          x: at + (flip ? -3 : 3), y: box.top + 8 + 12 * row, class: `mark-label halo ${mark.tone}`,
          "text-anchor": flip ? "end" : "start",
        }, mark.label);
        labels.push(mark.anchor ? element("a", { href: `#${mark.anchor}` }, text) : text);
      }
      svg.append(...labels); // above all lines
    }

    listen(svg) {
      let from = null;
      const place = (event) => {
        const frame = svg.getBoundingClientRect();
        const scale = this.box.width / frame.width;
        return [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
      };
      const inside = ([px, py]) =>
        px >= this.box.left - 4 && px <= this.box.right + 4 && py >= this.box.top - 6 &&
        py <= this.box.bottom + 6;
      svg.onpointerdown = (event) => {
        const at = place(event);
        if (event.button === 0 && inside(at)) from = at;
      };
      svg.onpointermove = (event) => {
        const at = place(event);
        if (from && Math.abs(at[0] - from[0]) > 4) {
          if (!svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
          this.brush(from, at);
          tip.hidden = true;
        } else if (inside(at)) this.point(at, event.clientX, event.clientY);
        else this.leave();
      };
      svg.onpointerup = (event) => {
        const start = from;
        from = null;
        const at = place(event);
        this.over.replaceChildren();
        if (start && Math.abs(at[0] - start[0]) > 8) this.zoomTo(start, at);
      };
      svg.onpointerleave = () => this.leave();
      svg.onpointercancel = () => {
        from = null;
        this.leave();
      };
      svg.ondblclick = () => {
        this.zoom = null;
        this.draw();
      };
      svg.onblur = () => this.leave();
      svg.onkeydown = (event) => {
        const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (event.key === "Escape") this.leave();
        if (!move) return;
        event.preventDefault();
        this.step(svg, move);
      };
    }

    step(svg, move) {
      const stops = this.kind.stops(this);
      if (!stops.length) return;
      this.cursor = Math.max(0, Math.min(stops.length - 1, this.cursor + move));
      const [px, py] = stops[this.cursor];
      const frame = svg.getBoundingClientRect();
      const scale = frame.width / this.box.width;
      this.point([px, py], frame.left + px * scale, frame.top + py * scale);
    }

    brush(a, b) {
      const { box } = this;
      const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
      const [x0, x1] = [a[0], b[0]].map((v) => clamp(v, box.left, box.right)).sort((p, q) => p - q);
      const both = this.data.is === "Scatter";
      const [y0, y1] = both
        ? [a[1], b[1]].map((v) => clamp(v, box.top, box.bottom)).sort((p, q) => p - q)
        : [box.top, box.bottom];
      this.over.replaceChildren(
        element("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: "brush" }),
      );
    }

    zoomTo(a, b) {
      const sorted = (p, q) => (p < q ? [p, q] : [q, p]);
      const xs = sorted(this.x.invert(a[0]), this.x.invert(b[0]));
      const ys = sorted(this.y.invert(a[1]), this.y.invert(b[1]));
      this.zoom = { x: xs, y: ys };
      this.leave();
      this.draw();
    }

    point(at, clientX, clientY) {
      const found = this.kind.at(this, at);
      this.over.replaceChildren(...(found ? found.marks : []));
      if (!found) {
        tip.hidden = true;
        return;
      }
      tip.replaceChildren(html("b", { textContent: found.title }));
      for (const [role, name, value] of found.rows) {
        const dot = html("i");
        dot.style.background = colour(role);
        tip.append(
          html("div", {}, dot, html("span", { textContent: name }),
            html("span", { textContent: value })),
        );
      }
      if (found.thumb) tip.append(found.thumb);
      tip.hidden = false;
      const { offsetWidth: w, offsetHeight: h } = tip;
      const across = clientX + 16 + w > innerWidth ? clientX - 16 - w : clientX + 16;
      tip.style.left = `${Math.max(4, across)}px`;
      tip.style.top = `${Math.max(4, Math.min(innerHeight - h - 4, clientY - h / 2))}px`;
    }

    leave() {
      if (this.over) this.over.replaceChildren();
      tip.hidden = true;
    }

    save() {
      const rows = this.kind.rows(this.data);
      const quote = (cell) => (/[",\n]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : cell);
      const text = rows.map((row) => row.map(quote).join(",")).join("\n");
      const link = html("a", {
        href: URL.createObjectURL(new Blob([`${text}\n`], { type: "text/csv" })),
        download: `${this.data.title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.csv`,
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
  }

  let clips = 0;

  // Letters of 12 pixels are about 6.3 wide; smaller ones come before letters that are missing.
  const sized = (text, room) => Math.max(9, Math.min(12, (12 * room) / (6.3 * text.length)));

  const fitted = (text, room) => {
    const most = Math.max(6, Math.floor((12 / 9) * (room / 6.3)));
    return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  };

  // One unit as long along x as along y.
  const equal = (xs, ys, box) => {
    const [w, h] = [box.right - box.left, box.bottom - box.top];
    const unit = Math.max((xs[1] - xs[0]) / w, (ys[1] - ys[0]) / h);
    const [cx, cy] = [(xs[0] + xs[1]) / 2, (ys[0] + ys[1]) / 2];
    return [
      linear(cx - (unit * w) / 2, cx + (unit * w) / 2, box.left, box.right),
      linear(cy - (unit * h) / 2, cy + (unit * h) / 2, box.bottom, box.top),
    ];
  };

  const nearest = (sorted, value) => {
    let best = -1;
    let distance = Infinity;
    sorted.forEach((each, i) => {
      const d = Math.abs(each - value);
      if (d < distance) [best, distance] = [i, d];
    });
    return best;
  };

  const path = (chart, xs, ys) => {
    let text = "";
    let pen = false;
    xs.forEach((value, i) => {
      const y = ys[i];
      if (!isNumber(value) || !isNumber(y) || (chart.log && y <= 0)) {
        pen = false;
        return;
      }
      text += `${pen ? "L" : "M"}${chart.x(value).toFixed(1)} ${chart.y(y).toFixed(1)}`;
      pen = true;
    });
    return text;
  };

  const yRange = (chart, values) => {
    if (!chart.log) return range(values);
    const positive = values.filter((value) => value > 0);
    const [low, high] = range(positive, 0);
    return [Math.max(low, high * 1e-12) / 1.15, high * 1.15];
  };

  const shapeOf = (role) => (role === "generated" ? "triangle" : "circle");
  const shape = (kind, x, y, r) =>
    kind === "triangle"
      ? `M${x} ${(y - 1.25 * r).toFixed(1)}L${(x + 1.15 * r).toFixed(1)} ${(y + 0.85 * r).toFixed(1)}` +
        `L${(x - 1.15 * r).toFixed(1)} ${(y + 0.85 * r).toFixed(1)}Z`
      : `M${(x - r).toFixed(1)} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

  const lineKey = (series) => {
    const line = element("line", { x1: 0, x2: 20, y1: 5, y2: 5, "stroke-width": 2.5 });
    line.style.stroke = colour(series.role);
    line.setAttribute("stroke-dasharray", dash(series));
    return line;
  };

  // What differs between the kinds of figure -------------------------------------------------

  const KINDS = {
    Lines: {
      scales: true,
      key: lineKey,
      domains(chart) {
        const shown = chart.shown();
        const xs = chart.zoom ? chart.zoom.x : range(shown.flatMap((s) => s.x), 0.01);
        const values = [];
        for (const s of shown)
          s.x.forEach((x, i) => {
            if (x < xs[0] || x > xs[1]) return;
            values.push(s.y[i]);
            if (s.low.length) values.push(s.low[i], s.high[i]);
          });
        if (!chart.zoom) values.push(...chart.data.references.map((r) => r.value));
        return [xs, yRange(chart, values)];
      },
      draw(chart, inside) {
        for (const s of chart.shown()) {
          if (s.low.length) {
            const back = [...s.x.keys()].reverse();
            const up = path(chart, s.x, s.low.map((v) => (chart.log && v <= 0 ? null : v)));
            const down = path(chart, back.map((i) => s.x[i]), back.map((i) => s.high[i]));
            if (!chart.log && !s.low.includes(null) && up && down) {
              const band = element("path", { d: `${up}L${down.slice(1)}Z`, opacity: 0.18 });
              band.style.fill = colour(s.role);
              inside.append(band);
            }
          }
          const line = element("path", {
            d: path(chart, s.x, s.y), fill: "none", "stroke-width": 1.8,
            "stroke-linejoin": "round", "stroke-dasharray": dash(s),
          });
          line.style.stroke = colour(s.role);
          inside.append(line);
          if (s.y.filter(isNumber).length <= 40)
            s.x.forEach((x, i) => {
              if (!isNumber(s.y[i]) || (chart.log && s.y[i] <= 0)) return;
              const dot = element("circle", { cx: chart.x(x), cy: chart.y(s.y[i]), r: 2.6 });
              dot.style.fill = colour(s.role);
              inside.append(dot);
            });
        }
      },
      stops(chart) {
        const xs = [...new Set(chart.shown().flatMap((s) => s.x))].sort((a, b) => a - b);
        return xs.map((x) => [chart.x(x), chart.box.top + 20])
          .filter(([px]) => px >= chart.box.left - 1 && px <= chart.box.right + 1);
      },
      at(chart, [px]) {
        const shown = chart.shown().filter((s) => s.x.length);
        if (!shown.length) return null;
        const xs = shown.flatMap((s) => s.x);
        const x = xs[nearest(xs, chart.x.invert(px))];
        const cross = chart.x(x);
        const marks = [element("line", {
          x1: cross, x2: cross, y1: chart.box.top, y2: chart.box.bottom, class: "cross",
        })];
        const rows = [];
        for (const s of shown) {
          const i = s.x.lastIndexOf(s.x[nearest(s.x, x)]);
          if (i < 0 || Math.abs(chart.x(s.x[i]) - cross) > 14) continue;
          const band = s.low.length && isNumber(s.low[i])
            ? ` (${short(s.low[i])} to ${short(s.high[i])})` : "";
          rows.push([s.role, s.name, isNumber(s.y[i]) ? short(s.y[i]) + band : "not finite"]);
          if (!isNumber(s.y[i]) || (chart.log && s.y[i] <= 0)) continue;
          const dot = element("circle", { cx: chart.x(s.x[i]), cy: chart.y(s.y[i]), r: 4 });
          dot.style.fill = colour(s.role);
          marks.push(dot);
        }
        const near = chart.data.marks.filter((m) => Math.abs(chart.x(m.x) - cross) < 6);
        const events = near.length ? ` · ${[...new Set(near.map((m) => m.label))].join(", ")}` : "";
        const unit = chart.data.x.unit === "steps" ? "step " : "";
        return { title: `${unit}${x.toLocaleString("en")}${events}`, rows, marks };
      },
      rows: (data) => [
        ["series", axisText(data.x), axisText(data.y), "low", "high"],
        ...data.series.flatMap((s) =>
          s.x.map((x, i) => [s.name, x, s.y[i] ?? "", s.low[i] ?? "", s.high[i] ?? ""])),
      ],
    },

    Histogram: {
      key: lineKey,
      domains(chart) {
        const edges = chart.data.edges;
        const xs = chart.zoom ? chart.zoom.x : [edges[0], edges[edges.length - 1]];
        if (!chart.zoom)
          for (const reference of chart.data.references) {
            const room = (edges[edges.length - 1] - edges[0]) * 0.5;
            if (reference.value >= xs[0] - room && reference.value <= xs[1] + room) {
              xs[0] = Math.min(xs[0], reference.value - room * 0.04);
              xs[1] = Math.max(xs[1], reference.value + room * 0.04);
            }
          }
        const values = [0];
        for (const s of chart.shown())
          s.y.forEach((v, i) => {
            if (edges[i + 1] >= xs[0] && edges[i] <= xs[1]) values.push(v);
          });
        return [xs, [0, range(values)[1]]];
      },
      draw(chart, inside) {
        const edges = chart.data.edges;
        for (const s of chart.shown()) {
          let text = `M${chart.x(edges[0]).toFixed(1)} ${chart.y(0).toFixed(1)}`;
          s.y.forEach((value, i) => {
            const top = chart.y(value ?? 0).toFixed(1);
            text += `L${chart.x(edges[i]).toFixed(1)} ${top}L${chart.x(edges[i + 1]).toFixed(1)} ${top}`;
          });
          text += `L${chart.x(edges[edges.length - 1]).toFixed(1)} ${chart.y(0).toFixed(1)}`;
          const area = element("path", { d: `${text}Z`, opacity: 0.16 });
          area.style.fill = colour(s.role);
          const line = element("path", {
            d: text, fill: "none", "stroke-width": chart.small ? 1.2 : 1.8,
            "stroke-dasharray": dash(s),
          });
          line.style.stroke = colour(s.role);
          inside.append(area, line);
        }
      },
      stops: (chart) =>
        chart.data.edges.slice(1)
          .map((edge, i) => [(chart.x(edge) + chart.x(chart.data.edges[i])) / 2, chart.box.top + 20]),
      at(chart, [px]) {
        const edges = chart.data.edges;
        const value = chart.x.invert(px);
        const i = edges.findIndex((edge, k) => value >= edge && value < edges[k + 1]);
        if (i < 0) return null;
        const [a, b] = [chart.x(edges[i]), chart.x(edges[i + 1])];
        return {
          title: `${short(edges[i])} to ${short(edges[i + 1])}`,
          rows: chart.shown().map((s) =>
            [s.role, s.name, `${((s.y[i] ?? 0) * (edges[i + 1] - edges[i]) * 100).toFixed(1)} %`]),
          marks: [element("rect", {
            x: a, y: chart.box.top, width: Math.max(1, b - a),
            height: chart.box.bottom - chart.box.top, class: "brush",
          })],
        };
      },
      rows: (data) => [
        ["from", "to", ...data.series.map((s) => `${s.name}: ${axisText(data.y)}`)],
        ...data.edges.slice(1).map((edge, i) =>
          [data.edges[i], edge, ...data.series.map((s) => s.y[i] ?? "")]),
      ],
    },

    Layers: {
      scales: true,
      key: lineKey,
      bottom(chart, width) {
        if (!chart.layersTilted(width)) return 56;
        const longest = Math.max(...chart.data.layers.map((l) => l.split("\n")[0].length));
        return 40 + Math.min(15, longest) * 4.2;
      },
      domains(chart) {
        const n = chart.data.layers.length;
        const values = chart.shown().flatMap((s) => s.y);
        const [low, high] = yRange(chart, values);
        return [[-0.5, n - 0.5], chart.log ? [low, high] : [Math.min(0, low), high]];
      },
      xTicks(chart, svg) {
        const { box, x } = chart;
        const tilted = chart.layersTilted(box.width);
        chart.data.layers.forEach((layer, i) => {
          const [name, kind] = layer.split("\n");
          const at = x(i);
          svg.append(element("line", {
            x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4, class: "frame",
          }));
          if (tilted) {
            svg.append(element("text", {
              x: at + 3, y: box.bottom + 14, "text-anchor": "end",
              transform: `rotate(-40 ${at + 3} ${box.bottom + 14})`,
            }, fitted(name, 96)));
            return;
          }
          svg.append(
            element("text", { x: at, y: box.bottom + 16, "text-anchor": "middle" }, name),
            element("text", { x: at, y: box.bottom + 29, "text-anchor": "middle" }, kind || ""),
          );
        });
      },
      draw(chart, inside) {
        for (const s of chart.shown()) {
          const line = element("path", {
            d: path(chart, s.x, s.y), fill: "none", "stroke-width": 1.6,
            "stroke-dasharray": dash(s),
          });
          line.style.stroke = colour(s.role);
          inside.append(line);
          s.x.forEach((x, i) => {
            if (!isNumber(s.y[i]) || (chart.log && s.y[i] <= 0)) return;
            const dot = element("circle", { cx: chart.x(x), cy: chart.y(s.y[i]), r: 3.6 });
            dot.style.fill = colour(s.role);
            inside.append(dot);
          });
        }
      },
      stops: (chart) => chart.data.layers.map((_, i) => [chart.x(i), chart.box.top + 20]),
      at(chart, [px]) {
        const i = Math.round(chart.x.invert(px));
        if (i < 0 || i >= chart.data.layers.length) return null;
        const at = chart.x(i);
        return {
          title: chart.data.layers[i].replace("\n", " · "),
          rows: chart.shown().map((s) =>
            [s.role, s.name, isNumber(s.y[i]) ? short(s.y[i]) : "not finite"]),
          marks: [element("line", {
            x1: at, x2: at, y1: chart.box.top, y2: chart.box.bottom, class: "cross",
          })],
        };
      },
      rows: (data) => [
        ["layer", ...data.series.map((s) => `${s.name}: ${axisText(data.y)}`)],
        ...data.layers.map((layer, i) =>
          [layer.replace("\n", " "), ...data.series.map((s) => s.y[i] ?? "")]),
      ],
    },

    Scatter: {
      key(series, data) {
        if (data.joined.includes(series.name)) return lineKey(series);
        const dot = element("path", { d: shape(shapeOf(series.role), 10, 5, 4), opacity: 0.85 });
        dot.style.fill = colour(series.role);
        return dot;
      },
      domains(chart) {
        if (chart.zoom) return [chart.zoom.x, chart.zoom.y];
        const all = chart.data.series;
        return [range(all.flatMap((s) => s.x), 0.04), range(all.flatMap((s) => s.y), 0.04)];
      },
      draw(chart, inside) {
        const crowd = chart.data.series.reduce((n, s) => n + s.x.length, 0);
        const r = crowd > 900 ? 2.4 : 3;
        for (const s of chart.shown()) {
          const joined = chart.data.joined.includes(s.name);
          const made = element("path", joined
            ? { d: path(chart, s.x, s.y), fill: "none", "stroke-width": 2, "stroke-linejoin": "round" }
            : {
              d: s.x.map((x, i) => isNumber(x) && isNumber(s.y[i])
                ? shape(shapeOf(s.role), Number(chart.x(x).toFixed(1)),
                  Number(chart.y(s.y[i]).toFixed(1)), r) : "").join(""),
              opacity: chart.data.joined.length ? 0.3 : 0.62,
            });
          made.style[joined ? "stroke" : "fill"] = colour(s.role);
          if (joined) made.setAttribute("stroke-dasharray", dash(s));
          inside.append(made);
        }
      },
      stops: (chart) => {
        const s = chart.shown()[0];
        return s ? s.x.map((x, i) => [chart.x(x), chart.y(s.y[i])]) : [];
      },
      at(chart, [px, py]) {
        let best = null;
        let distance = 18 ** 2;
        let index = 0;
        for (const s of chart.data.series) {
          const visible = !chart.hidden.has(s.name);
          s.x.forEach((x, i) => {
            if (visible && isNumber(x) && isNumber(s.y[i])) {
              const d = (chart.x(x) - px) ** 2 + (chart.y(s.y[i]) - py) ** 2;
              if (d < distance) [best, distance] = [{ s, i, index: index + i }, d];
            }
          });
          index += s.x.length;
        }
        if (!best) return null;
        const { s, i } = best;
        const ring = element("circle", {
          cx: chart.x(s.x[i]), cy: chart.y(s.y[i]), r: 6, fill: "none", "stroke-width": 2,
        });
        ring.style.stroke = colour(s.role);
        return {
          title: s.name,
          rows: [
            [s.role, chart.data.x.label.split(",")[0], short(s.x[i])],
            [s.role, chart.data.y.label.split(",")[0], short(s.y[i])],
          ],
          marks: [ring],
          thumb: chart.data.sprite ? thumb(chart.data.sprite, best.index) : null,
        };
      },
      rows: (data) => [
        ["series", axisText(data.x), axisText(data.y)],
        ...data.series.flatMap((s) => s.x.map((x, i) => [s.name, x ?? "", s.y[i] ?? ""])),
      ],
    },
  };

  Chart.prototype.layersTilted = function layersTilted(width) {
    const longest = Math.max(...this.data.layers.flatMap((l) => l.split("\n").map((t) => t.length)));
    return (width - 60) / this.data.layers.length < longest * 6.4;
  };

  const thumb = (sprite, index) => {
    const size = 84;
    const scale = size / sprite.side;
    const made = html("div", { className: "thumb" });
    const [column, row] = [index % sprite.columns, Math.floor(index / sprite.columns)];
    made.style.backgroundImage = `url(${sprite.picture})`;
    made.style.backgroundSize = `${sprite.columns * size}px auto`;
    made.style.backgroundPosition = `${-column * sprite.side * scale}px ${-row * sprite.side * scale}px`;
    return made;
  };

  // The page ---------------------------------------------------------------------------------

  const sheets = (figure) => {
    const pictures = [...figure.querySelectorAll(".stack img")];
    const input = figure.querySelector("input");
    const output = figure.querySelector("output");
    const play = figure.querySelector(".play");
    const labels = JSON.parse(input.dataset.labels);
    let timer = null;
    const show = () => {
      const index = Number(input.value);
      pictures.forEach((picture, i) => { picture.hidden = i !== index; });
      output.textContent = labels[index];
      input.setAttribute("aria-valuetext", labels[index]);
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "▶";
      play.setAttribute("aria-label", "Play");
    };
    input.oninput = () => {
      stop();
      show();
    };
    play.onclick = () => {
      if (timer) return stop();
      if (Number(input.value) === pictures.length - 1) input.value = 0;
      show();
      play.textContent = "❚❚";
      play.setAttribute("aria-label", "Pause");
      timer = setInterval(() => {
        if (Number(input.value) === pictures.length - 1) return stop();
        input.value = Number(input.value) + 1;
        return show();
      }, 500);
      return undefined;
    };
    show();
  };

  const theme = () => {
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const kept = (value) => {
      try {
        if (value) localStorage.setItem("steadygan-theme", value);
        return localStorage.getItem("steadygan-theme");
      } catch {
        return null; // a page from a disk may keep nothing
      }
    };
    const last = kept();
    if (last) root.dataset.theme = last;
    document.getElementById("theme").onclick = () => {
      const now = root.dataset.theme || (dark.matches ? "dark" : "light");
      root.dataset.theme = now === "dark" ? "light" : "dark";
      kept(root.dataset.theme);
    };
  };

  const copying = (button) => {
    const code = button.parentElement.querySelector("code");
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // where the clipboard is closed to a file
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    };
  };

  const contents = () => {
    const links = new Map(
      [...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]),
    );
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries)
        if (entry.isIntersecting) {
          links.forEach((link) => link.classList.remove("here"));
          links.get(entry.target.id)?.classList.add("here");
        }
    }, { rootMargin: "-10% 0px -80% 0px" });
    document.querySelectorAll("main section").forEach((section) => watch.observe(section));
  };

  theme();
  document.querySelectorAll("figure.chart").forEach((figure) => new Chart(figure));
  document.querySelectorAll("figure.sheets").forEach(sheets);
  document.querySelectorAll(".copy").forEach(copying);
  contents();
})();
