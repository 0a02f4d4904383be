// The decoder's worker: curves in, what the network makes of them out, one message a step.
//
// In:  {type: "load", wasm, weights, model}     wasm and weights in base64, see qfp.live.decoder;
//                                                wasm null: plain JavaScript
//      {type: "read", id, curve}                 curve: one conductance [e^2/h] for each field
//      {type: "decode", id, curve, seed, steps, samples, noise}   noise: optional, one Float64Array
//                                                a sample in place of the seed's
//      {type: "stop"}
// Out: {type: "ready", engine, ms}              engine: "wasm" or "js"
//      {type: "read", id, antidots, ms}          the read-out's pair, null where there is none
//      {type: "step", id, sample, step, t, x, clean, importance}   images (60, 60), normalised
//      {type: "sample", id, sample, ldos, antidots, ms}            ldos (length, width) [1/t]
//      {type: "consensus", id, antidots, probability, ldos}
//      {type: "error", id, message}
// A newer "decode", or "stop", ends the one at work after its step; "read" is answered in between.

let network = null,
  current = 0;

function bytes(base64) {
  const text = atob(base64),
    found = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
  return found;
}

// The kernels: compiled, or in plain JavaScript where this browser has no WebAssembly with SIMD.
async function kernelsOf(wasm) {
  try {
    if (wasm) return { exports: (await WebAssembly.instantiate(bytes(wasm))).instance.exports };
  } catch {
    // too old a browser
  }
  return { engine: "js", exports: plainKernels() };
}

// Which engine it is.
async function load({ wasm, weights, model }) {
  const { engine = "wasm", exports } = await kernelsOf(wasm);
  const numbers = new Uint16Array(bytes(weights).buffer);
  network = new Network(new Kernels(exports, model.tensors, numbers), model);
  return engine;
}

// LDOS (length, width) [1/t] of a normalised image (side, side), as float32.
function ldosOf(image, { device, normalisation: { image_mean, image_std } }) {
  const { length, width, side, margins } = device,
    [left, below] = margins;
  const pixel = (i) => (below + Math.floor(i / width)) * side + left + (i % width);
  return Float32Array.from(
    { length: length * width },
    (_, i) => image[pixel(i)] * image_std + image_mean,
  );
}

// Lets the messages in that wait.
const { port1, port2 } = new MessageChannel();
const breath = () =>
  new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(0);
  });

function read({ id, curve }) {
  const start = performance.now(),
    antidots = network.read(curve);
  postMessage({ type: "read", id, antidots, ms: performance.now() - start });
}

async function decode({ id, curve, seed, steps, samples, noise }) {
  const mine = ++current,
    { model } = network,
    images = [],
    pairs = [];
  const condition = network.condition(curve);
  for (let sample = 0; sample < samples; sample++) {
    const given = noise ? noise[sample] : normalNoise(mixed(seed, sample), network.size ** 2);
    const course = denoise(network, condition, given, steps);
    let ms = 0;
    for (;;) {
      const start = performance.now(),
        { value, done } = course.next();
      ms += performance.now() - start;
      if (done) {
        images.push(ldosOf(value, model));
        break;
      }
      postMessage({ type: "step", id, sample, ...value });
      await breath();
      if (mine !== current) return;
    }
    pairs.push(canonical(recover(images[sample], model.device), model.device));
    postMessage({ type: "sample", id, sample, ldos: images[sample], antidots: pairs[sample], ms });
  }
  const { antidots, probability, near } = agree(pairs, model.device);
  const chosen = images.filter((_, i) => near[i]);
  const ldos = chosen[0].map(
    (_, i) => chosen.reduce((sum, image) => sum + image[i], 0) / chosen.length,
  );
  postMessage({ type: "consensus", id, antidots, probability, ldos });
}

onmessage = async ({ data }) => {
  try {
    if (data.type === "load") {
      const start = performance.now();
      const engine = await load(data);
      postMessage({ type: "ready", engine, ms: performance.now() - start });
    } else if (data.type === "read") read(data);
    else if (data.type === "decode") await decode(data);
    else if (data.type === "stop") current++;
  } catch (error) {
    postMessage({ type: "error", id: data.id, message: error.message });
  }
};
