// Names for what widgets leave unnamed to those who do not see the page: handles of sliders, pictures.
(() => {
  const named = (part, attribute, text) => part.hasAttribute(attribute) || part.setAttribute(attribute, text);
  const label = () => {
    for (const handle of document.querySelectorAll(".noUi-handle"))
      named(handle, "aria-label", handle.closest(".widget-inline-hbox, .widget-inline-vbox")?.querySelector("label")?.textContent || "value");
    for (const image of document.querySelectorAll("img.widget-image"))
      named(image, "alt", "the wire and its curve, drawn as the controls above say");
  };
  window.addEventListener("DOMContentLoaded", () => {
    label();
    if (document.querySelector('script[type^="application/vnd.jupyter.widget"]'))
      new MutationObserver(label).observe(document.querySelector("main") || document.body, { childList: true, subtree: true });
  });
})();
