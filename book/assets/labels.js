// Names for what goes without: handles of sliders and pictures of widgets, for those who do not see
// the page; cells of tables, which are cards on a phone.
(() => {
  const named = (part, attribute, text) => {
    if (!part.hasAttribute(attribute)) part.setAttribute(attribute, text);
  };
  const PICTURE = "the wire and its curve, drawn as the controls above say";
  const label = () => {
    for (const handle of document.querySelectorAll(".noUi-handle")) {
      const box = handle.closest(".widget-inline-hbox, .widget-inline-vbox");
      named(handle, "aria-label", box?.querySelector("label")?.textContent || "value");
    }
    for (const image of document.querySelectorAll("img.widget-image")) named(image, "alt", PICTURE);
  };
  const WIDGETS = 'script[type^="application/vnd.jupyter.widget"]';
  window.addEventListener("DOMContentLoaded", () => {
    label();
    for (const table of document.querySelectorAll(".bd-article table:not(.scorecard)")) {
      const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
      for (const row of table.querySelectorAll("tbody tr"))
        [...row.cells].forEach((cell, k) => named(cell, "data-label", heads[k] || ""));
    }
    if (document.querySelector(WIDGETS))
      new MutationObserver(label).observe(document.querySelector("main") || document.body, {
        childList: true,
        subtree: true,
      });
  });
})();
