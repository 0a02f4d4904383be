// What a term means, what a citation cites: shown beside the link under the pointer or in focus.
// The text stands in the page, as the link's title.
(() => {
  const LINKS = "a.term[title], .bibtex-citation a[title]";
  const tip = document.createElement("div");
  let shown = null, leaving = 0, before = null;

  const hide = () => {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.remove();
  };
  const show = (link) => {
    clearTimeout(leaving);
    if (link === shown) return;
    hide();
    shown = link;
    tip.textContent = link.dataset.tip;
    link.setAttribute("aria-describedby", tip.id);
    document.body.append(tip);
    const words = link.getClientRects()[0], box = tip.getBoundingClientRect();
    const left = Math.min(words.left, document.documentElement.clientWidth - box.width - 8);
    const below = words.bottom + box.height + 8 < innerHeight;
    tip.style.left = `${scrollX + Math.max(8, left)}px`;
    tip.style.top = `${scrollY + (below ? words.bottom + 4 : words.top - box.height - 4)}px`;
  };
  const leave = () => { leaving = setTimeout(hide, 200); };

  window.addEventListener("DOMContentLoaded", () => {
    Object.assign(tip, { id: "qfp-tip", className: "qfp-tip" }).setAttribute("role", "tooltip");
    tip.addEventListener("mouseenter", () => clearTimeout(leaving));
    tip.addEventListener("mouseleave", leave);
    for (const link of document.querySelectorAll(LINKS)) {
      link.dataset.tip = link.title;
      link.removeAttribute("title");
      link.addEventListener("mouseenter", () => show(link));
      link.addEventListener("mouseleave", leave);
      link.addEventListener("focus", () => show(link));
      link.addEventListener("blur", hide);
      // A finger's first touch shows the text, the second follows the link.
      link.addEventListener("pointerdown", (event) => {
        before = event.pointerType === "touch" && shown !== link ? link : null;
      });
      link.addEventListener("click", (event) => {
        if (before !== link) return;
        before = null;
        event.preventDefault();
        show(link);
      });
    }
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  });
})();
