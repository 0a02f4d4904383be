// The worker: prepares fields, then answers scenes. geometry.js and plain.js stand before it.
//
// in   {type: "start", wire, sigma, wasm, slots, small}  wasm: bytes, or null for plain JavaScript;
//                                                       small: tables in single precision
//      {type: "curve", id, antidots, radii, force}      force: complete pivoting everywhere
//      {type: "image", id, antidots, radii, field, force}
// out  {type: "started", engine}, {type: "progress", prepared, ms, bytes}, {type: "failed", text}
//      {type: "curve", id, curve, prepared, ring, fallbacks, ms}   NaN: a field not prepared
//      {type: "image", id, image, flow, ring, fallbacks, ms}
// flow: currents of the bonds to the next x, then of those to the next y, of lead 0's states.
// bytes: memory of WebAssembly, undefined without. ms: of the scene alone, its field prepared. A
// scene whose ring is too large is answered without curve or image.
const RING = 320;
let wire,
  sigma,
  solver,
  held = [],
  prepared = 0,
  oldest = 0;

// The same interface over the exports of solver.c.
function compiledSolver(e, slots, small) {
  if (!e.setup(wire.width, wire.length, wire.energy, slots, small))
    throw new Error("memory refused");
  const put = (ring) => new Int32Array(e.memory.buffer, e.ring_ptr(), ring.length).set(ring);
  const size = wire.width * (wire.width + 1) + 2 * wire.width,
    sites = wire.width * wire.length;
  const copy = (at, n) => new Float64Array(e.memory.buffer, at, n).slice();
  return {
    input: () => new Float64Array(e.memory.buffer, e.input_ptr(), size),
    prepare(slot, n) {
      const T = e.prepare(slot, n);
      if (T < 0) throw new Error("memory refused");
      return T;
    },
    conductance(slot, ring) {
      put(ring);
      return e.conductance(slot, ring.length);
    },
    image(slot, ring) {
      put(ring);
      e.image(slot, ring.length);
      return copy(e.image_ptr(), sites);
    },
    flow: () => copy(e.flow_ptr(), 2 * sites),
    bytes: () => e.memory.buffer.byteLength,
    fallbacks: e.fallbacks,
    force: (on) => e.force(on ? 1 : 0),
  };
}

// Put field f of the sweep into a slot.
function prepareField(f, slot) {
  const W = wire.width,
    size = W * (W + 1),
    input = solver.input();
  input.set(sigma.subarray(f * size, (f + 1) * size));
  for (let x = 0; x < W; x++) {
    const phase = wire.fields[f] * (x - (W - 1) / 2);
    input[size + 2 * x] = -Math.cos(phase);
    input[size + 2 * x + 1] = -Math.sin(phase);
  }
  solver.prepare(slot, wire.modes[f]);
  held[slot] = f;
}

// Slot of a field; the one that was filled first makes room.
function slotOf(f) {
  let slot = held.indexOf(f);
  if (slot < 0) {
    slot = oldest;
    oldest = (oldest + 1) % held.length;
    prepareField(f, slot);
  }
  return slot;
}

// Fields from coarse to fine: ends first, then the middles between.
function coarseToFine(number) {
  const order = [];
  for (let step = 1 << Math.ceil(Math.log2(number)); step >= 1; step >>= 1)
    for (let f = 0; f < number; f += step) if (!order.includes(f)) order.push(f);
  return order;
}

const pause = () =>
  new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(0);
  });

// All fields of the sweep, with room between them for scenes that were asked for meanwhile.
async function prepareAll(started) {
  const order = coarseToFine(wire.fields.length);
  for (let k = 0; k < order.length; k++) {
    prepareField(order[k], order[k]);
    prepared = k + 1;
    if (prepared === order.length || (prepared & (prepared - 1)) === 0) {
      const ms = performance.now() - started,
        bytes = solver.bytes?.();
      postMessage({ type: "progress", prepared, ms, bytes });
      await pause();
    }
  }
}

async function start(m) {
  const started = performance.now();
  wire = m.wire;
  sigma = new Float64Array(m.sigma);
  let engine = "wasm";
  try {
    const { exports } = (await WebAssembly.instantiate(m.wasm)).instance;
    solver = compiledSolver(exports, m.slots, m.small);
  } catch (error) {
    if (m.wasm && /memory/.test(error.message)) throw error;
    engine = "js";
    solver = plainSolver(wire.width, wire.length, wire.energy, m.slots, m.small);
  }
  held = new Array(m.slots).fill(-1);
  postMessage({ type: "started", engine });
  if (m.slots === wire.fields.length) await prepareAll(started);
}

// Nothing is said of removed sites, nor of bonds that end at one.
function clear(removed, { image, flow }) {
  const W = wire.width,
    all = W * wire.length;
  removed.forEach((gone, s) => {
    if (!gone) return;
    image[s] = flow[s] = flow[all + s] = 0;
    if (s % W) flow[s - 1] = 0;
    if (s >= W) flow[all + s - W] = 0;
  });
}

function answer(m) {
  const removed = removedSites(wire, m.antidots, m.radii),
    ring = ringOf(wire, removed);
  const reply = { type: m.type, id: m.id, ring: ring.length, prepared };
  if (ring.length > RING) return reply;
  const slot = m.type === "image" ? slotOf(m.field) : -1;
  const before = performance.now(),
    fallbacks = solver.fallbacks();
  solver.force(m.force);
  if (m.type === "curve") {
    reply.curve = new Float64Array(wire.fields.length).fill(NaN);
    held.forEach((f, slot) => {
      if (f >= 0) reply.curve[f] = solver.conductance(slot, ring);
    });
  } else {
    reply.image = solver.image(slot, ring);
    reply.flow = solver.flow().slice();
    clear(removed, reply);
  }
  reply.fallbacks = solver.fallbacks() - fallbacks;
  reply.ms = performance.now() - before;
  return reply;
}

onmessage = async ({ data: m }) => {
  try {
    if (m.type === "start") await start(m);
    else postMessage(answer(m));
  } catch (error) {
    postMessage({ type: "failed", text: error.message });
  }
};
