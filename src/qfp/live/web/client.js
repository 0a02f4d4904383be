// A worker with the solver in it. Questions are promises; QFP_LIVE.source and QFP_LIVE.wasm come
// from the page's script.
class Solver {
  // sigma: bytes of the self-energies; slots: fields that it keeps; engine: "wasm" or "js"; small:
  // tables in single precision
  constructor(wire, sigma, slots, engine, small) {
    this.waiting = new Map();
    this.number = 0;
    this.failed = new Promise((resolve) => (this.hasFailed = resolve)); // of what it says then
    this.onProgress = () => {};
    this.started = new Promise((resolve) => (this.hasStarted = resolve));
    const blob = new Blob([QFP_LIVE.source], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(blob));
    this.worker.onmessage = ({ data: m }) => {
      if (m.type === "started") this.hasStarted(m.engine);
      else if (m.type === "progress") this.onProgress(m, (this.bytes = m.bytes));
      else if (m.type === "failed") this.hasFailed(m.text);
      else {
        this.waiting.get(m.id)(m);
        this.waiting.delete(m.id);
      }
    };
    this.worker.onerror = (event) => this.hasFailed(event.message || "a worker did not start");
    const { name, width, length, energy, fields, modes } = wire;
    const wasm = engine === "js" ? null : bytesOf(QFP_LIVE.wasm).buffer;
    const about = { name, width, length, energy, fields, modes };
    const start = { type: "start", wire: about, sigma, wasm, slots, small };
    this.worker.postMessage(start, [sigma]);
  }

  // Reply to a question {type, antidots, radii, ...}, see worker.js.
  async ask(question) {
    await this.started;
    const id = ++this.number;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.worker.postMessage({ force: false, ...question, id });
    });
  }

  stop() {
    this.worker.terminate();
  }
}

// The two workers of a wire: one for the picture, one for the curve, whose tables are most of the
// memory and may be small.
function startSolvers(wire, engine, small) {
  const sigma = bytes85(wire.sigma).buffer;
  return {
    small,
    painter: new Solver(wire, sigma.slice(), 1, engine, false),
    curves: new Solver(wire, sigma, wire.fields.length, engine, small),
  };
}
