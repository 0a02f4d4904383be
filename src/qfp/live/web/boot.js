// Every element of class qfp-live becomes a live wire once its data are there; scripts come in any
// order. "?engine=js" in the address takes plain JavaScript.

QFP_LIVE.colours = bytesOf(QFP_LIVE.colours);
QFP_LIVE.boot = () => {
  const engine = /[?&#]engine=js\b/.test(location.href) ? "js" : "wasm";
  for (const host of document.querySelectorAll(".qfp-live:not(.qfp-on)")) {
    const wire = QFP_LIVE.wires[host.dataset.wire];
    if (!wire) continue;
    host.classList.add("qfp-on");
    QFP_LIVE.live.push(new Live(host, wire, engine));
  }
};
QFP_LIVE.boot();
