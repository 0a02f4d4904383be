// Parts of decoder-panel.js: the judgement in words, the network's worker, a small picture.

const HERE = document.currentScript ? document.currentScript.src.replace(/[^/]*$/, "") : "";
// rms [e^2/h] between the exact curve at V = 0 and that of the same wire in a potential like the
// training wires': 0.07 in the middle of 300 wires, this at most
const POTENTIAL = 0.15;
// between wires at V = 0 that differ by one site of one hole: 0.13 in the middle of 145, in one of
// a hundred above 0.31; between unrelated ones 0.6 in the middle
const SITE = 0.3;

const pairText = (pair) => pair.map(([x, y]) => `(${x}, ${y})`).join(" and ");
const difference = (a, b) => Array.from(a, (value, k) => value - b[k]);
const rmsOf = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

// What the residual of an answer's exact curve means. same: rms below which two curves are one.
function judged(given, exact, measured, same) {
  const off = difference(exact, given),
    rms = rmsOf(off),
    largest = Math.max(...off.map(Math.abs)),
    size = (x) => (x < same ? small(x) : x.toFixed(3));
  const numbers =
    `its exact curve at V = 0 differs by ${size(rms)} e²/h rms, ${size(largest)} ` + "at most";
  if (rms < same) return `${numbers}: this wire, or a copy of it, gave the curve.`;
  if (measured)
    return rms < POTENTIAL
      ? `${numbers}. A random potential can do that, or a hole one site off; ` +
          "qfp decode weighs them."
      : `${numbers}, more than a potential like the training wires' does. Do not trust it.`;
  return rms < SITE
    ? `${numbers}: another wire, near this one.`
    : `${numbers}: another wire, far off.`;
}

// The network in a worker: its script is loaded once, on the first call, which says what it is and
// by which engine it runs, "wasm" or "js".
function makeDecoder(file, engine, hear) {
  let worker = null;
  const start = () =>
    new Promise((resolve, reject) => {
      const script = el("script", { src: HERE + file });
      script.onerror = () =>
        reject(new Error(`${file} did not load: it belongs beside this page's other files`));
      script.onload = () => {
        const { worker: source, ...data } = window.QFP_DECODER;
        delete window.QFP_DECODER; // 13 MB of text
        worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        worker.onmessage = ({ data: reply }) => {
          if (reply.type === "ready") resolve({ ...data.model, engine: reply.engine });
          else if (reply.type === "error" && reply.id === undefined)
            reject(new Error(reply.message));
          else hear(reply);
        };
        worker.onerror = (event) => reject(new Error(event.message || "a worker did not start"));
        if (engine === "js") data.wasm = null;
        worker.postMessage({ type: "load", ...data });
      };
      document.head.append(script);
    });
  let started = null;
  const again = (error) => {
    started = null;
    throw error;
  };
  return {
    start: () => (started ??= start().catch(again)),
    ask: (question) => worker.postMessage(question),
  };
}

// A canvas of an image (rows x columns, row 0 at the bottom), drawn in the colours of the page from
// `low` to `high`.
function makeMap(title) {
  const canvas = el("canvas", { role: "img", "aria-label": title });
  const node = el("div", { class: "qfp-map" }, canvas, el("div", { class: "qfp-caption" }, title));
  const draw = (image, rows, columns, [low, high], colours) => {
    [canvas.width, canvas.height] = [columns, rows];
    const context = canvas.getContext("2d"),
      data = context.createImageData(columns, rows);
    for (let p = 0; p < rows * columns; p++) {
      const share = Math.min(1, Math.max(0, (image[p] - low) / (high - low)));
      const at = 4 * ((rows - 1 - Math.floor(p / columns)) * columns + (p % columns));
      for (let k = 0; k < 3; k++) data.data[at + k] = colours[3 * Math.round(255 * share) + k];
      data.data[at + 3] = 255;
    }
    context.putImageData(data, 0, 0);
  };
  return { node, draw, caption: node.lastChild };
}
