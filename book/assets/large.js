// A click on a figure shows it large; Escape, a click or the button closes it.
(() => {
  const FIGURES = ".bd-article :is(figure, .cell_output) img:not(.widget-image)";
  const add = (parent, tag, values = {}) => {
    const part = Object.assign(document.createElement(tag), values);
    parent.append(part);
    return part;
  };

  const caption = (image) => {
    const copy = image.closest("figure")?.querySelector("figcaption")?.cloneNode(true);
    copy?.querySelectorAll(".headerlink").forEach((link) => link.remove());
    copy?.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
    return copy;
  };
  const open = (dialog, button, image) => {
    const words = caption(image), name = words?.querySelector(".caption-number")?.textContent;
    dialog.replaceChildren();
    dialog.setAttribute("aria-label", name?.trim() || "Picture");
    const bar = add(dialog, "p");
    add(bar, "a", { href: image.src, download: "", textContent: "Save the picture" });
    const close = { type: "button", textContent: "Close", autofocus: true };
    add(bar, "button", close).onclick = () => dialog.close();
    const scrolled = add(dialog, "div", { tabIndex: 0 });
    scrolled.setAttribute("role", "group");
    scrolled.setAttribute("aria-label", "the picture, which scrolls");
    add(scrolled, "img", { src: image.src, alt: image.alt });
    if (words) dialog.append(words);
    dialog.onclose = () => button.focus();
    dialog.onclick = (event) => event.target === dialog && dialog.close();
    dialog.showModal();
  };

  window.addEventListener("DOMContentLoaded", () => {
    const dialog = add(document.body, "dialog", { className: "qfp-large" });
    for (const image of document.querySelectorAll(FIGURES)) {
      if (image.closest("a, button, .qfp-live")) continue;
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "qfp-enlarge", title: "Show it large" });
      button.setAttribute("aria-haspopup", "dialog");
      button.addEventListener("click", () => open(dialog, button, image));
      image.replaceWith(button);
      button.append(image);
    }
  });
})();
