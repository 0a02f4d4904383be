// What the decoder's worker makes of images, pairs of antidots and numbers of steps: JSON in, JSON
// out. The worker's source is run as it is; its names are read from inside.
const fs = require("fs");

const { device, images, pairs, steps, source } = JSON.parse(fs.readFileSync(0, "utf8"));
const inside = source.slice(source.indexOf("{") + 1, source.lastIndexOf("})();"));
const names = "{ recover, canonical, within, agree, respaced }";
const own = new Function(`let onmessage; ${inside}; port1.close(); return ${names};`)();

const groups = [0, 1, 2, 3, 4].map((k) =>
  pairs.slice((k * pairs.length) / 5, ((k + 1) * pairs.length) / 5),
);
fs.writeSync(
  1,
  JSON.stringify({
    recovered: images.map((image) => own.recover(image, device)),
    canonical: pairs.map((pair) => own.canonical(pair, device)),
    within: pairs.map((one) => pairs.map((other) => own.within(one, other, device))),
    agreed: groups.map((group) => own.agree(group, device).best),
    respaced: steps.map(([T, n]) => own.respaced(T, n)),
  }),
);
