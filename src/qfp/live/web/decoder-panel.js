// 'Decode this curve': the network on the page of a wire whose weights lie beside it. Nothing of it
// is loaded before the reader asks. The data of such a wire has `decoder`: {file, megabytes,
// samples}.

const LARGEST_FILE = 5e6; // bytes of a CSV file

class DecoderPanel {
  constructor(live, slot) {
    Object.assign(this, {
      live,
      slot,
      about: live.wire.decoder,
      model: null,
      given: null,
      number: 0,
    });
    this.decoder = makeDecoder(this.about.file, live.engine, (reply) => this.hear(reply));
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.build();
    live.onCurve(() => this.follow());
  }

  build() {
    const { about } = this;
    const button = (text, onclick, kind = "") =>
      el("button", { type: "button", class: kind, onclick }, text);
    this.main = button("Decode this curve", () => this.decode(), "qfp-main");
    this.stopButton = button("Stop", () => this.stop());
    this.back = button("Back to the wire's own curve", () => this.leave());
    this.place = button("Put the answer into the wire", () => this.showAnswer());
    this.file = el("input", {
      type: "file",
      accept: ".csv,text/csv",
      hidden: true,
      class: "qfp-file",
      "aria-label": "CSV file of a curve",
      onchange: (event) => this.take(event.target.files[0]),
    });
    this.samples = el(
      "select",
      { "aria-label": "Samples", class: "qfp-samples" },
      ...[...new Set([1, 2, 4, 8, about.samples])].map((n) =>
        el("option", { value: n, selected: n === 4 }, plural(n, "sample")),
      ),
    );
    this.head = el("select", {
      "aria-label": "Attention head",
      class: "qfp-head",
      onchange: () => this.drawHead(),
    });
    this.status = el("p", { class: "qfp-say", role: "status" });
    this.read = el("p", { class: "qfp-read" });
    this.verdict = el("p", { class: "qfp-verdict", role: "status" });
    this.notes = el("p", { class: "qfp-help" });
    this.maps = {
      x: makeMap("the noisy image"),
      clean: makeMap("what the network sees in it"),
      B: makeMap("where its attention lies, B_j"),
    };
    this.thumbs = el("div", { class: "qfp-thumbs" });
    this.course = el(
      "div",
      { class: "qfp-course", hidden: true },
      el("div", { class: "qfp-maps" }, ...Object.values(this.maps).map((map) => map.node)),
      el("div", { class: "qfp-row" }, this.head),
      this.thumbs,
    );
    this.intro = el(
      "p",
      {},
      "The network gets the curve alone, and draws wires that could have given it, each from " +
        "noise of its own; then the solver of this page judges the answer. Drop a CSV file " +
        "here for a curve of your own: columns field [rad/plaquette] and conductance [e²/h]. " +
        `Nothing leaves your machine. The first press loads ${about.megabytes} MB.`,
    );
    this.slot.append(
      el("h4", {}, "Decode this curve"),
      this.intro,
      el(
        "div",
        { class: "qfp-row" },
        this.main,
        this.samples,
        button("A curve of my own …", () => this.file.click()),
        this.file,
        this.stopButton,
        this.back,
        this.place,
      ),
      this.notes,
      this.read,
      this.status,
      this.course,
      this.verdict,
    );
    // anywhere on the wire's page: a file dropped beside it would be opened in its place
    for (const name of ["dragover", "dragleave", "drop"])
      this.live.host.addEventListener(name, (event) => {
        event.preventDefault();
        this.slot.classList.toggle("qfp-over", name === "dragover");
        if (name === "drop") this.take(event.dataTransfer.files[0]);
      });
    this.tell({ busy: false });
  }

  // What can be pressed now.
  tell({ busy }) {
    this.busy = busy;
    this.stopButton.hidden = !busy;
    this.place.hidden = busy || !this.answer;
    this.back.hidden = !this.given;
    this.main.textContent = this.given ? `Decode ${this.given.name}` : "Decode this curve";
  }

  fail(error) {
    this.status.textContent = error.message;
    this.tell({ busy: false });
  }

  // --- a curve of one's own

  async take(file) {
    if (!file) return;
    this.file.value = "";
    try {
      if (file.size > LARGEST_FILE)
        throw new Error(
          `${file.name} has ${Math.round(file.size / 1e6)} MB: a curve has some hundred lines`,
        );
      const { fields, modes } = this.live.wire,
        bytes = new Uint8Array(await file.arrayBuffer());
      const { conductance, notes } = readCurve(file.name, bytes, fields, modes[0]);
      this.given = { curve: conductance, name: file.name };
      this.notes.textContent = notes.join(". ");
      this.live.compare(conductance, file.name);
      this.stop();
      await this.decode();
    } catch (error) {
      this.fail(error);
    }
  }

  leave() {
    this.given = null;
    this.notes.textContent = "";
    this.live.compare(null);
    this.stop();
    this.follow();
  }

  curve() {
    return this.given ? this.given.curve : this.live.curve();
  }

  // --- the read-out, while a hole moves

  follow() {
    if (!this.model || this.given) return;
    this.decoder.ask({ type: "read", id: 0, curve: this.live.curve() });
    this.readOf = this.live.scene();
  }

  showRead({ antidots, ms }) {
    if (!antidots) return;
    this.read.textContent =
      `Read from the curve in ${ms.toFixed(1)} ms: ${pairText(antidots)}` +
      (this.given ? "." : this.compared(antidots));
  }

  // How far an answer is from the wire that is shown, where the network knows such wires.
  compared(pair) {
    const { wire } = this.live,
      { antidots, radii } = this.readOf;
    const known =
      antidots.length === 2 &&
      radii.every((r) => r === wire.radius) &&
      hardDiscs(wire, antidots, wire.radius);
    if (!known) return "; the network has never seen such a wire, its answer means nothing.";
    const truth = canonical(ordered(antidots), wire),
      k = within(pair, truth, wire);
    const off = k ? `${plural(k, "site")} off` : "right";
    const where = "in the one of its copies that the network answers with";
    return `: ${off}. The wire is ${pairText(truth)}, ${where}.`;
  }

  // --- samples

  async decode() {
    this.verdict.textContent = "";
    this.answer = null;
    this.tell({ busy: true });
    try {
      this.status.textContent = this.model ? "" : "Loading the network …";
      if (!this.model) this.begin(await this.decoder.start());
      const curve = this.curve();
      if (!curve) throw new Error("The wire's curve is not there yet: wait a second.");
      this.readOf = this.live.scene();
      this.asked = {
        id: ++this.number,
        curve: Float64Array.from(curve),
        measured: this.given !== null,
      };
      this.thumbs.replaceChildren();
      this.course.hidden = false;
      this.decoder.ask({ type: "read", id: this.number, curve });
      const { steps } = this.model.sampling,
        samples = Number(this.samples.value);
      this.decoder.ask({
        type: "decode",
        id: this.number,
        curve,
        seed: this.number,
        steps,
        samples,
        noise: this.noise,
      });
    } catch (error) {
      this.fail(error);
    }
  }

  // The first time: the heads that can be chosen.
  begin(model) {
    this.model = model;
    if (model.engine === "js")
      this.intro.append(" Here it runs in plain JavaScript: some seconds a sample.");
    const { channels, attention, unshuffle, heads } = model.network,
      levels = [...channels.keys()];
    const named = (way, order) =>
      order
        .filter((level) => attention[level] !== "none")
        .map((level) => way + model.device.side / unshuffle / 2 ** level);
    const layers = [...named("down", levels), ...named("up", levels.reverse())];
    // of the shipped weights the head that follows the antidots best, see probe_attention.json
    const first = layers.includes("up15") ? "up15" : layers[layers.length - 1];
    for (const layer of layers)
      for (let k = 0; k < heads; k++)
        this.head.append(
          el(
            "option",
            { value: `${layer} ${k}`, selected: layer === first && k === heads - 1 },
            `attention ${layer}, head ${k + 1}`,
          ),
        );
    this.head.hidden = this.maps.B.node.hidden = !layers.length;
    this.follow();
  }

  stop() {
    this.number++;
    if (this.model) this.decoder.ask({ type: "stop" });
    this.status.textContent = "";
    this.tell({ busy: false });
  }

  hear(reply) {
    if (reply.type === "read") return this.showRead(reply);
    if (reply.id !== this.number) return; // of a run that was stopped
    if (reply.type === "error")
      return this.fail(new Error(`The network stopped: ${reply.message}`));
    if (reply.type === "step") this.showStep(reply);
    if (reply.type === "sample") this.showSample(reply);
    if (reply.type === "consensus") this.conclude(reply);
  }

  showStep(reply) {
    const { steps } = this.model.sampling,
      { sample, step, t } = reply;
    const alpha = this.model.alpha_bar[t],
      times = Math.sqrt((1 - alpha) / alpha);
    this.status.textContent =
      `Sample ${sample + 1} of ${this.samples.value}, step ${step + 1} of ${steps}: ` +
      `${times < 10 ? times.toPrecision(2) : Math.round(times)} times as much noise as image`;
    this.last = reply;
    if (!this.still || step + 1 === steps) this.drawStep();
  }

  drawStep() {
    const { side } = this.model.device,
      colours = QFP_LIVE.colours;
    const { x, clean } = this.last,
      spread = Math.max(...x.map(Math.abs)) / 1.5;
    this.maps.x.draw(x, side, side, [-spread, spread], colours);
    this.maps.clean.draw(clean, side, side, [-1.6, 3], colours);
    this.drawHead();
  }

  // B_j of the chosen head, whose mean is 1, up to what it reaches within the wire, as in the book.
  drawHead() {
    if (!this.last) return;
    const [layer, k] = this.head.value.split(" "),
      found = this.last.importance[layer];
    if (!found) return;
    const { device } = this.model,
      { side } = found;
    const [left, below] = device.margins.map((n) => Math.floor((n * side) / device.side));
    const B = found.heads.subarray(k * side ** 2, (k + 1) * side ** 2);
    const inside = (p, margin) => p >= margin && p < side - margin;
    const place = (p) => inside(p % side, left) && inside(Math.floor(p / side), below);
    const within = B.filter((_, p) => place(p));
    const top = Math.max(...within),
      name = `B_j of ${layer}, head ${Number(k) + 1}`;
    this.maps.B.draw(B, side, side, [0, top], QFP_LIVE.colours);
    this.maps.B.caption.textContent = `${name}: 0 to ${top.toFixed(1)}, mean 1`;
  }

  showSample({ sample, ldos, antidots, ms }) {
    const { width, length } = this.model.device;
    const map = makeMap(`${sample + 1}: ${pairText(antidots)}, ${Math.round(ms)} ms`);
    map.draw(ldos, length, width, [0, topOf(ldos)], QFP_LIVE.colours);
    this.thumbs.append(map.node);
  }

  async conclude({ antidots, probability }) {
    const samples = Number(this.samples.value),
      { id, curve, measured } = this.asked,
      { radius } = this.live.wire;
    const agreed = Math.round(probability * samples);
    const { curve: exact } = await this.live.solve(
      antidots,
      antidots.map(() => radius),
    );
    if (id !== this.number) return;
    this.answer = { antidots, radii: antidots.map(() => radius) };
    this.status.textContent = "";
    this.verdict.textContent =
      `Answer: ${pairText(antidots)}, from ${agreed} of ${plural(samples, "sample")} ` +
      `that agree within one site; ${judged(curve, exact, measured, this.live.same)}`;
    this.residual = rmsOf(difference(exact, curve));
    this.tell({ busy: false });
  }

  showAnswer() {
    this.live.show(this.answer);
  }
}

QFP_LIVE.panels.push((live, slot) => {
  if (live.wire.decoder) live.decoderPanel = new DecoderPanel(live, slot);
});
