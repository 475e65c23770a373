// What a page must obey, asked of the page itself: colours that can be read, targets a thumb can hit.
({
  colour(text) {
    const numbers = text.match(/[\d.]+/g).map(Number);
    const scale = text.startsWith("color(srgb") ? 255 : 1;
    return [...numbers.slice(0, 3).map((value) => value * scale), numbers[3] ?? 1];
  },

  over(top, below) {
    return below.map((value, index) => top[index] * top[3] + value * (1 - top[3]));
  },

  light(rgb) {
    const [r, g, b] = rgb
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  },

  ground(element) {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(this.colour(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, top) => this.over(top, below), [255, 255, 255]);
  },

  lowContrast() {
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
      const said = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
      const box = element.getBoundingClientRect();
      if (!said || box.width < 2 || box.height < 2 || !element.checkVisibility()) continue;
      if (element.closest("svg, watt-chart, noscript, .seen-by-readers")) continue;
      const style = getComputedStyle(element);
      const below = this.ground(element);
      const lights = [this.light(this.over(this.colour(style.color), below)), this.light(below)];
      const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.7 && style.fontWeight >= 700);
      if (ratio < (large ? 3 : 4.5)) found.push(`${element.tagName} ${element.textContent.trim()} ${ratio.toFixed(2)}`);
    }
    return found;
  },

  // A link inside a sentence is as high as its line; everything else is a target of its own.
  smallTargets() {
    return [...document.querySelectorAll("a, button, input, select, textarea, summary")]
      .filter((element) => element.checkVisibility() && !element.closest(".skip, p, dd, svg"))
      .map((element) => element.closest("label") || element)
      .map((element) => [element, element.getBoundingClientRect().height])
      .filter(([, height]) => height < 43.5)
      .map(([element, height]) => `${element.tagName} ${element.textContent.trim()} ${height}`);
  },

  overflow() {
    return document.documentElement.scrollWidth - document.documentElement.clientWidth;
  },
})
