// One live wire on a page: scene, picture, curve and controls put together.
//
// What a panel is given (QFP_LIVE.panels holds functions of (live, slot); each is called for every
// live wire that is whole, with an empty element below its controls):
//   live.wire                       the wire: width, length, fields, radius, ...
//   live.scene()                    {antidots: [[x, y], ...], radii}
//   live.show({antidots, radii})    what the reader could have placed by hand; undo takes it back
//   live.curve()                    Float64Array of the scene, or null while it is not whole
//   live.onCurve(f)                 f(curve, scene) for every whole curve
//   live.solve(antidots, radii)     promise of {curve, ring, ms}: exact, V = 0; no curve if refused
//   live.picture(antidots, radii, f) promise of {image, ring, ms} at field f of the sweep
//   live.same                       rms [e²/h] below which two of its curves are one
//   live.compare(curve, name)       a second curve in the plot; null takes it away

const EASE = 0.3; // how fast the brightness follows the picture

class Live {
  // solvers: of startSolvers
  constructor(host, wire, engine, solvers) {
    Object.assign(this, { host, wire, engine, ...solvers });
    Object.assign(this, { field: 0, chosen: 0, top: 0, ghost: null });
    this.same = this.small ? 2e-5 : 1e-6;
    this.model = makeScene(wire);
    this.model.show({ antidots: wire.start, radii: wire.start.map(() => wire.radius) });
    this.whole = null; // the newest whole curve
    this.partial = null; // the newest curve, perhaps with gaps
    this.target = null;
    this.image = null;
    this.listeners = [];
    this.stats = { images: 0, curves: 0, imageMs: 0, curveMs: 0, firstImage: 0, firstCurve: 0 };
    this.redraw = once(() => this.draw());
    this.hearWorkers();
    this.build();
    this.change();
  }

  // --- the workers: one for the picture, one for the curve

  hearWorkers() {
    this.curves.onProgress = () => this.askCurve(this.model.now());
    for (const solver of [this.painter, this.curves]) solver.failed.then((text) => this.fail(text));
    this.askImage = newestWins(
      (q) => this.painter.ask({ type: "image", ...q }),
      (r, q) => this.seen(r, q),
    );
    this.askCurve = newestWins(
      (q) => this.curves.ask({ type: "curve", ...q }),
      (r, q) => this.measured(r, q),
    );
    this.curves.started.then((kind) => (this.engine = kind));
  }

  solve(antidots, radii) {
    return this.curves.ask({ type: "curve", antidots, radii });
  }

  picture(antidots, radii, field) {
    return this.painter.ask({ type: "image", antidots, radii, field });
  }

  seen(reply, question) {
    if (!reply.image) return this.refuse(reply.ring, question);
    const fresh = !this.image || this.imageOf.field !== question.field;
    const top = topOf(reply.image);
    this.top = fresh ? top : this.top + EASE * (top - this.top);
    this.image = reply.image;
    this.flow = reply.flow;
    this.imageOf = question;
    this.count("image", reply.ms);
  }

  measured(reply, question) {
    if (!reply.curve) return this.refuse(reply.ring, question);
    this.partial = reply.curve;
    if (reply.prepared === this.wire.fields.length) {
      const before = this.whole;
      this.whole = reply.curve;
      this.curveOf = question;
      this.count("curve", reply.ms);
      if (this.copied && JSON.stringify(question) === JSON.stringify(this.copied.scene))
        this.judgeCopy(before);
      for (const listener of this.listeners) listener(reply.curve, question);
    }
    this.redraw();
  }

  count(kind, ms) {
    const first = kind === "image" ? "firstImage" : "firstCurve",
      stats = this.stats;
    stats[`${kind}s`]++;
    stats[`${kind}Ms`] += ms;
    this[`${kind}Took`] = ms;
    if (!stats[first]) stats[first] = performance.now();
    this.redraw();
  }

  refuse(ring, { antidots, radii }) {
    if (JSON.stringify({ antidots, radii }) !== JSON.stringify(this.model.now())) return; // late
    this.say(
      `These holes have ${ring} edge sites, this page solves up to 320: ` +
        "make them fewer or smaller.",
    );
  }

  fail(text) {
    this.say(`The solver of this page stopped (${text}). Reload the page, or use qfp solve.`);
    this.host.classList.add("qfp-failed");
  }

  // --- what the reader does

  change() {
    const scene = this.model.now();
    this.chosen = Math.min(this.chosen, scene.antidots.length - 1);
    this.askImage({ ...scene, field: this.field });
    this.askCurve(scene);
    this.redraw();
  }

  // before a change that undo should take back
  keep() {
    this.model.keep();
    this.ghost = this.whole;
    this.copied = null;
    this.say("");
  }

  act(change) {
    this.keep();
    if (change()) this.change();
    this.redraw();
  }

  show(scene) {
    this.act(() => this.model.show(scene));
  }

  undo() {
    this.copied = null;
    if (this.model.undo()) this.change();
  }

  add(at) {
    const place = at && at.map(Math.round);
    this.act(() => {
      const added = this.model.add(place, this.wire.radius);
      if (!added) this.say("Six antidots are the most that this page takes.");
      this.chosen = this.model.now().antidots.length - 1;
      return added;
    });
  }

  remove(k) {
    this.act(() => {
      const removed = this.model.remove(k);
      if (!removed) this.say("One antidot stays.");
      return removed;
    });
    this.stage.focus(Math.min(k, this.model.now().antidots.length - 1));
  }

  resize(k, radius) {
    this.act(() => this.model.resize(k, radius));
  }

  copy() {
    const copies = copiesOf(this.wire, this.model.now());
    if (!copies.length)
      return this.say("This wire is its own mirror image, and has no room to move.");
    const [what, scene] = copies[(this.copies = (this.copies ?? -1) + 1) % copies.length];
    this.act(() => this.model.show(scene));
    this.copied = { what, scene: this.model.now() };
  }

  judgeCopy(before) {
    const moved = before ? Math.max(...before.map((G, f) => Math.abs(G - this.whole[f]))) : NaN;
    this.say(
      `${this.copied.what}: another wire, the same curve. Largest change ${small(moved)} e²/h.`,
    );
    this.copied = null;
  }

  look(field) {
    if (field === this.field) return;
    this.field = field;
    this.askImage({ ...this.model.now(), field });
    this.redraw();
  }

  toggleFlow() {
    this.flowing = !this.flowing;
    this.parts.flow.textContent = this.flowing ? "Hide the current" : "Show the current";
    this.parts.flowText.hidden = !this.flowing;
    this.redraw();
  }

  compare(curve, name) {
    this.target = curve;
    this.targetName = curve ? name : "";
    this.ghost = null;
    this.redraw();
  }

  // --- what the reader sees

  build() {
    const { host, wire } = this,
      whole = host.dataset.parts === "whole";
    this.parts = buildControls(this, whole);
    host.replaceChildren(this.parts.node);
    this.plot = makePlot(this.parts.plot, wire, (f) => this.look(f));
    this.stage = makeStage(this.parts.stage, wire, {
      grab: () => this.keep(),
      drop: () => this.redraw(),
      nudge: () => this.keep(),
      move: (k, x, y) => this.model.move(k, x, y) && this.change(),
      size: (k, step) => this.resize(k, this.model.now().radii[k] + step),
      remove: (k) => this.remove(k),
      choose: (k) => {
        this.chosen = k;
        this.redraw();
      },
      add: (x, y) => this.add([x, y]),
    });
    this.paint = makePicture(this.stage.canvas, wire, QFP_LIVE.colours);
    this.paintFlow = makeArrows(this.stage.arrows, wire);
    if (whole) {
      this.game = makeGame(this);
      this.parts.below.append(this.game.node);
      for (const panel of QFP_LIVE.panels) {
        const slot = el("section", { class: "qfp-panel" });
        this.parts.below.append(slot);
        panel(this, slot);
      }
    }
    host.addEventListener("keydown", (event) => {
      if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    });
    new ResizeObserver(() => {
      this.paintedFlow = null;
      this.redraw();
    }).observe(host);
  }

  say(text) {
    if (this.parts) this.parts.note.textContent = text;
  }

  scene() {
    return this.model.now();
  }

  curve() {
    return this.whole;
  }

  onCurve(listener) {
    this.listeners.push(listener);
  }

  draw() {
    const { wire, parts, field } = this,
      scene = this.model.now(),
      curve = this.partial;
    if (this.image && this.painted !== this.image) {
      this.paint(this.image, this.top);
      this.painted = this.image;
      parts.top.textContent = `${this.top.toPrecision(2)} / t`;
    }
    const flow = this.flowing ? this.flow : null;
    if (this.paintedFlow !== flow) this.paintFlow((this.paintedFlow = flow));
    this.stage.draw(() => this.model.now(), this.chosen, parts.help.id);
    this.plot.draw({ curve, ghost: this.ghost, target: this.target, field });
    const b = wire.fields[field] * wire.unit.per,
      G = curve ? curve[field] : NaN;
    const place = `${wire.unit.symbol} = ${b.toPrecision(3)} ${wire.unit.name}`;
    const value = Number.isFinite(G) ? `${G.toFixed(3)} e²/h` : "…";
    parts.readout.replaceChildren(
      el("b", {}, `G = ${value}`),
      `at ${place}, ${plural(wire.modes[field], "open mode")}`,
    );
    parts.slider.value = field;
    set(parts.slider, { "aria-valuetext": `${place}, G = ${value}` });
    parts.radius.value = scene.radii[this.chosen];
    parts.radiusText.textContent = `radius ${scene.radii[this.chosen]}`;
    parts.undo.disabled = !this.model.canUndo();
    parts.remove.disabled = scene.antidots.length < 2;
    parts.add.disabled = scene.antidots.length >= MOST;
    parts.legend.hidden = !this.target;
    parts.legend.textContent = this.targetName ? `dashed: ${this.targetName}` : "";
    const places = scene.antidots.map(([x, y]) => `(${x}, ${y})`).join(" and ");
    set(this.stage.canvas, { "aria-label": `LDOS at ${place}, antidots at ${places}` });
    this.plot.label(`Conductance against magnetic field; G = ${value} at ${place}`);
    parts.clock.textContent = this.clockText();
  }

  clockText() {
    const { imageTook, curveTook, wire } = this,
      ms = (t) => `${t < 10 ? t.toFixed(1) : Math.round(t)} ms`;
    if (!curveTook) return "The fields are being prepared …";
    const where = this.engine === "js" ? "in plain JavaScript, in this page" : "in this page";
    const fields = `${wire.fields.length} fields ${ms(curveTook)}`;
    const how = `Solved exactly ${where}: picture ${ms(imageTook ?? 0)}, ${fields}.`;
    if (!this.small) return how;
    return `${how} On this small machine its tables are in single precision: G to 10⁻⁵ e²/h.`;
  }
}
