"""What an eye would find wrong in an explorer: text that is small, cut, or on other text; a page wider than its window."""

from playwright.sync_api import Page

SCRIPT = """() => {
  const found = [], root = document.documentElement;
  if (root.scrollWidth > window.innerWidth) found.push(`the page is ${root.scrollWidth} px wide`);
  for (const panel of document.querySelectorAll(".gb-panels > svg")) {
    const frame = panel.getBoundingClientRect(), scale = frame.width / panel.viewBox.baseVal.width;
    const texts = [...panel.querySelectorAll("text")].map(text => [text.textContent, text, text.getBoundingClientRect()]);
    texts.forEach(([name, text, box], i) => {
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      if (size < 12) found.push(`${name}: ${size.toFixed(1)} px`);
      const across = box.left < frame.left - 1 || box.right > frame.right + 1;
      if (across || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        found.push(`${name} is cut`);
      for (const [other, , that] of texts.slice(i + 1))
        if (box.left < that.right - 1 && that.left < box.right - 1 && box.top < that.bottom - 4 && that.top < box.bottom - 4)
          found.push(`${name} is on ${other}`);
    });
  }
  for (const each of document.querySelectorAll("p, label, button, input, select, h1, summary, output, b")) {
    const box = each.getBoundingClientRect();
    if (!box.width || each.closest(".noUi-target")) continue;
    const name = `${each.tagName} ${each.value ?? each.textContent}`;
    const column = each.closest(".widget-vbox, .widget-container");
    if (parseFloat(getComputedStyle(each).fontSize) < 12) found.push(`${name} is small`);
    if (box.right > window.innerWidth + 1 || box.left < -1) found.push(`${name} is beyond the edge`);
    if (column && box.right > column.getBoundingClientRect().right + 1) found.push(`${name} is cut`);
  }
  return found;
}"""


BRIGHTNESS = """() => ["backgroundColor", "color"].map(name => getComputedStyle(document.querySelector(".gb"))[name]
    .match(/[\\d.]+/g).slice(0, 3).reduce((sum, x) => sum + Number(x), 0))"""


def brightness(page: Page) -> list[float]:
    """Of an explorer's ground and of its text: sums of red, green and blue."""
    return page.evaluate(BRIGHTNESS)


def look(page: Page) -> list[str]:
    """What is wrong, in words; nothing where all is well."""
    return page.evaluate(SCRIPT)
