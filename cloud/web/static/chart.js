// <watt-chart src="…">: one day of power and voltage, drawn by uPlot. A hole in the readings stays a hole.
"use strict";
(() => {
  const colour = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

  function axis(element, more) {
    return {
      stroke: colour(element, "--quiet"),
      font: "12px " + colour(element, "--font"),
      grid: { stroke: colour(element, "--line"), width: 1 },
      ticks: { stroke: colour(element, "--line"), width: 1 },
      ...more,
    };
  }

  function options(element, day, number) {
    const wall = (seconds) => uPlot.tzDate(new Date(seconds * 1000), day.zone);
    const two = (value) => String(value).padStart(2, "0");
    const time = (seconds) => two(wall(seconds).getHours()) + ":" + two(wall(seconds).getMinutes());
    const shown = (unit, digits) => (_, value) => (value == null ? "–" : number(value, digits) + " " + unit);
    const lines = day.voltages.map((name, index) => ({
      label: name, scale: "V", width: 1.4, stroke: colour(element, "--series-" + (index + 2)),
      dash: [[], [6, 3], [2, 3]][index], value: shown("V", 1), points: { show: false },
    }));
    return {
      width: element.clientWidth,
      height: 280,
      tzDate: (seconds) => wall(seconds),
      cursor: { drag: { x: true, y: false } },
      scales: {
        x: { time: true, range: [day.from, day.to] },
        kW: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(0.1, (high ?? 0) * 1.08)] },
        V: { range: (_, low, high) => (low == null ? [200, 250] : [Math.min(low, 210) - 4, Math.max(high, 236) + 4]) },
      },
      axes: [
        axis(element, { values: (_, splits) => splits.map(time) }),
        axis(element, { scale: "kW", label: "kW", labelFont: "12px " + colour(element, "--font"), labelSize: 18, size: 56 }),
        axis(element, { scale: "V", side: 1, label: "V", labelFont: "12px " + colour(element, "--font"), labelSize: 18, grid: { show: false } }),
      ],
      series: [
        { label: day.time, value: (_, seconds) => (seconds == null ? "–" : time(seconds)) },
        { label: day.power, scale: "kW", width: 1.8, stroke: colour(element, "--series-1"), value: shown("kW", 3), points: { show: false } },
        ...lines,
      ],
    };
  }

  class WattChart extends HTMLElement {
    async connectedCallback() {
      const answer = await fetch(this.getAttribute("src"), { headers: { Accept: "application/json" } });
      if (!answer.ok || !this.isConnected) return;
      this.day = await answer.json();
      this.draw();
      this.watch = new ResizeObserver(() => this.plot && this.plot.setSize({ width: this.clientWidth, height: 280 }));
      this.watch.observe(this);
      this.scheme = matchMedia("(prefers-color-scheme: dark)");
      this.scheme.addEventListener("change", this.redraw = () => this.draw());
    }

    disconnectedCallback() {
      if (this.watch) this.watch.disconnect();
      if (this.scheme) this.scheme.removeEventListener("change", this.redraw);
      if (this.plot) this.plot.destroy();
    }

    draw() {
      if (this.plot) this.plot.destroy();
      const number = (value, digits) => value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
      this.plot = new uPlot(options(this, this.day, number), this.day.columns, this);
    }
  }
  customElements.define("watt-chart", WattChart);
})();
