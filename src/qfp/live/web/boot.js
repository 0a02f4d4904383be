// Every element of class qfp-live becomes a live wire once its data are there; scripts come in any
// order, and perhaps before the elements: the workers do not wait for them. "?engine=js" in the
// address takes plain JavaScript, "?tables=single" or "?tables=double" the precision of tables.

// Whether the curve's tables should take half the memory: where there is little of it, and on
// phones, which do not all say how much they have.
function isSmall() {
  const asked = /[?&#]tables=(single|double)\b/.exec(location.href);
  if (asked) return asked[1] === "single";
  const phone =
    matchMedia("(pointer: coarse)").matches && Math.min(screen.width, screen.height) < 600;
  return phone || navigator.deviceMemory <= 4;
}

QFP_LIVE.colours = bytesOf(QFP_LIVE.colours);
QFP_LIVE.early = {};
QFP_LIVE.boot = () => {
  const engine = /[?&#]engine=js\b/.test(location.href) ? "js" : "wasm",
    { wires, early } = QFP_LIVE,
    started = (wire) => startSolvers(wire, engine, isSmall());
  for (const [name, wire] of Object.entries(wires))
    if (!(name in early)) early[name] = started(wire);
  for (const host of document.querySelectorAll(".qfp-live:not(.qfp-on)")) {
    const wire = wires[host.dataset.wire];
    if (!wire) continue;
    const solvers = early[wire.name] || started(wire);
    early[wire.name] = null; // a second element of this wire has its own
    host.classList.add("qfp-on");
    QFP_LIVE.live.push(new Live(host, wire, engine, solvers));
  }
};
QFP_LIVE.boot();
