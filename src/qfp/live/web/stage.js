// The wire itself: the picture, and a handle for each antidot that mouse, finger and keys move.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// does: {grab, move(k, x, y), size(k, step), remove(k), choose(k), add(x, y)} of the scene
function makeStage(host, wire, does) {
  const W = wire.width,
    L = wire.length;
  const canvas = el("canvas", { class: "qfp-picture", role: "img" });
  const arrows = el("canvas", { class: "qfp-picture qfp-arrows", "aria-hidden": "true" });
  const handles = el("div", { class: "qfp-handles" });
  host.append(canvas, arrows, handles);
  let held = null;

  // sites (fractional) under the pointer
  const place = (event) => {
    const box = handles.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * W - 0.5,
      L - 0.5 - ((event.clientY - box.top) / box.height) * L,
    ];
  };

  function grab(event, k, antidot) {
    const [x, y] = place(event);
    held = { k, dx: antidot()[0] - x, dy: antidot()[1] - y, pointer: event.pointerId };
    event.currentTarget.setPointerCapture(event.pointerId);
    host.classList.add("qfp-dragging");
    does.choose(k);
    does.grab();
  }

  function drag(event) {
    if (!held || held.pointer !== event.pointerId) return;
    const [x, y] = place(event);
    does.move(held.k, x + held.dx, y + held.dy);
  }

  function drop(event) {
    if (!held || held.pointer !== event.pointerId) return;
    held = null;
    host.classList.remove("qfp-dragging");
    does.drop();
  }

  function press(event, k, antidot) {
    const step = ARROWS[event.key],
      far = event.shiftKey ? 5 : 1;
    if (step) {
      does.nudge();
      does.move(k, antidot()[0] + far * step[0], antidot()[1] + far * step[1]);
    } else if (event.key === "+" || event.key === "=") does.size(k, 0.5);
    else if (event.key === "-") does.size(k, -0.5);
    else if (event.key === "Delete" || event.key === "Backspace") does.remove(k);
    else return;
    event.preventDefault();
  }

  function handle(k, scene) {
    const antidot = () => scene().antidots[k];
    return el("button", {
      type: "button",
      class: "qfp-antidot",
      onpointerdown: (event) => grab(event, k, antidot),
      onpointermove: drag,
      onpointerup: drop,
      onpointercancel: drop,
      onkeydown: (event) => press(event, k, antidot),
      onfocus: () => does.choose(k),
    });
  }

  // as many handles as antidots, each where it belongs
  function draw(scene, chosen, numbered) {
    const { antidots, radii } = scene();
    while (handles.children.length > antidots.length) handles.lastChild.remove();
    for (let k = handles.children.length; k < antidots.length; k++)
      handles.append(handle(k, scene));
    antidots.forEach(([x, y], k) => {
      const size = 2 * (radii[k] + 0.5),
        node = handles.children[k];
      node.style.left = `${((x + 0.5) / W) * 100}%`;
      node.style.top = `${((L - 0.5 - y) / L) * 100}%`;
      node.style.width = `${(size / W) * 100}%`;
      node.classList.toggle("qfp-chosen", k === chosen);
      set(node, {
        "aria-label": `Antidot ${k + 1} of ${antidots.length}: x ${x}, y ${y}, radius ${radii[k]}`,
        "aria-describedby": numbered,
      });
    });
  }

  handles.addEventListener("dblclick", (event) => {
    if (event.target === handles) does.add(...place(event));
  });
  return {
    canvas,
    arrows,
    draw,
    focus: (k) => handles.children[k]?.focus({ preventScroll: true }),
  };
}
