// Figures follow the theme: beside each SVG of the build lies one for the dark theme, see
// qfp.book.dark.
(() => {
  const FIGURES = ".bd-article :is(figure, .cell_output) img, .qfp-large img";
  const LIGHT = /(?<!-dark)\.svg$/, DARK = /-dark\.svg$/;

  const follow = () => {
    const dark = document.documentElement.dataset.theme === "dark";
    for (const image of document.querySelectorAll(FIGURES)) {
      const [is, becomes] = dark ? [LIGHT, "-dark.svg"] : [DARK, ".svg"];
      const address = image.getAttribute("src");
      if (address.includes("_images/") && is.test(address)) {
        image.src = address.replace(is, becomes);
      }
    }
  };
  window.addEventListener("DOMContentLoaded", () => {
    follow();
    const watched = { attributes: true, attributeFilter: ["data-theme"] };
    new MutationObserver(follow).observe(document.documentElement, watched);
  });
})();
