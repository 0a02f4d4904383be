// Every element of class qfp-live becomes a live wire once its data are there; scripts come in any
// order, and perhaps before the elements: the workers do not wait for them. "?engine=js" in the
// address takes plain JavaScript.

QFP_LIVE.colours = bytesOf(QFP_LIVE.colours);
QFP_LIVE.early = {};
QFP_LIVE.boot = () => {
  const engine = /[?&#]engine=js\b/.test(location.href) ? "js" : "wasm",
    { wires, early } = QFP_LIVE;
  for (const [name, wire] of Object.entries(wires)) early[name] ??= startSolvers(wire, engine);
  for (const host of document.querySelectorAll(".qfp-live:not(.qfp-on)")) {
    const wire = wires[host.dataset.wire];
    if (!wire) continue;
    const solvers = early[wire.name] || startSolvers(wire, engine);
    early[wire.name] = null; // a second element of this wire has its own
    host.classList.add("qfp-on");
    QFP_LIVE.live.push(new Live(host, wire, engine, solvers));
  }
};
QFP_LIVE.boot();
