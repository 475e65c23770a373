// <watt-lines data-sheet="…">: the drawing inside it again, by uPlot, with values under the pointer. Gaps stay gaps.
"use strict";
(() => {
  const HEIGHT = 280;
  const PALETTE = { a: "--series-1", b: "--series-2", c: "--series-3", d: "--series-4", real: "--text" };
  const DASHES = { a: [], b: [6, 3], c: [2, 3], d: [9, 3, 2, 3], real: [] };
  const style = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

  function axis(element, more) {
    const line = { stroke: style(element, "--line"), width: 1 };
    return { stroke: style(element, "--quiet"), font: "12px " + style(element, "--font"), grid: line, ticks: line, ...more };
  }

  function options(element, sheet) {
    const write = (value) => (value == null ? "–" : value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: sheet.digits }) + " " + sheet.unit);
    const shown = (_, value) => write(value);
    const bands = [];
    const series = [{ label: sheet.position, value: (_, at) => (at == null ? "–" : sheet.names[Math.round(at - 0.5)] ?? "–") }];
    for (const each of sheet.series) {
      const colour = style(element, PALETTE[each.look]);
      const thin = each.form === "band";
      const line = { stroke: colour, width: thin ? 0.6 : each.look === "real" ? 2.4 : 1.8, dash: thin ? [] : DASHES[each.look], points: { show: false }, value: shown };
      series.push({ ...line, label: thin ? each.name + " ↓" : each.name });
      if (thin) {
        series.push({ ...line, label: each.name + " ↑" });
        bands.push({ series: [series.length - 1, series.length - 2], fill: colour + "3d" });
      }
    }
    for (const [name, , look] of sheet.limits) {
      const colour = style(element, look === "limit" ? "--bad" : "--line-strong");
      series.push({ label: name, stroke: colour, width: 1.2, dash: [3, 3], points: { show: false }, value: () => "" });
    }
    return {
      width: element.clientWidth, height: HEIGHT, series, bands,
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false, range: [0, sheet.count] }, y: { range: (_, low, high) => [sheet.whole ? Math.min(0, low ?? 0) : low ?? 0, (high ?? 1) + ((high ?? 1) - (sheet.whole ? 0 : low ?? 0)) * 0.06 || 1] } },
      axes: [
        axis(element, { splits: () => sheet.marks.map((mark) => mark[0]), values: () => sheet.marks.map((mark) => mark[1]) }),
        axis(element, { label: sheet.unit, labelFont: "12px " + style(element, "--font"), labelSize: 18, size: 60 }),
      ],
    };
  }

  class WattLines extends HTMLElement {
    connectedCallback() {
      if (matchMedia("(max-width: 640px)").matches) return; // the drawing for the phone is made for it
      this.sheet = JSON.parse(this.dataset.sheet);
      this.querySelectorAll("svg.plot, .legend").forEach((each) => each.setAttribute("hidden", ""));
      this.draw();
      this.watch = new ResizeObserver(() => this.plot.setSize({ width: this.clientWidth, height: HEIGHT }));
      this.watch.observe(this);
      this.scheme = matchMedia("(prefers-color-scheme: dark)");
      this.scheme.addEventListener("change", this.redraw = () => this.draw());
    }

    disconnectedCallback() {
      if (!this.plot) return;
      this.watch.disconnect();
      this.scheme.removeEventListener("change", this.redraw);
      this.plot.destroy();
    }

    draw() {
      if (this.plot) this.plot.destroy();
      const middles = Array.from({ length: this.sheet.count }, (_, n) => n + 0.5);
      const columns = this.sheet.series.flatMap((each) => (each.form === "band" ? [each.values, each.upper] : [each.values]));
      const levels = this.sheet.limits.map(([, level]) => middles.map(() => level));
      this.plot = new uPlot(options(this, this.sheet), [middles, ...columns, ...levels], this);
    }
  }
  customElements.define("watt-lines", WattLines);
})();
