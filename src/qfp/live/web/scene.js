// Antidots that keep inside the wire, and what was done to them.

const MOST = 6; // antidots

function makeScene(wire) {
  const largest = Math.min(12, Math.floor((Math.min(wire.width, wire.length - 2) - 1) / 2));
  const past = [];
  let antidots = [],
    radii = [];

  const clamp = (value, [low, high]) => Math.round(Math.min(high, Math.max(low, value)));
  const inside = ([x, y], radius) => {
    const limits = limitsOf(wire, radius);
    return [clamp(x, limits.x), clamp(y, limits.y)];
  };
  const now = () => ({ antidots: antidots.map((a) => a.slice()), radii: radii.slice() });
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  // What stands now can be had again by `undo`.
  function keep() {
    if (!past.length || !same(past[past.length - 1], now())) past.push(now());
    if (past.length > 200) past.shift();
  }

  // Whether something changed.
  function show(scene) {
    const before = now();
    radii = scene.radii.map((r) => Math.min(largest, Math.max(0.5, r)));
    antidots = scene.antidots.map((a, k) => inside(a, radii[k]));
    return !same(before, now());
  }

  const changed = (change) => {
    const scene = now();
    change(scene);
    return show(scene);
  };

  // A place for one more: of many tried on a grid, the one farthest from walls and antidots.
  function roomiest(radius) {
    const limits = limitsOf(wire, radius);
    let best = -Infinity,
      place = [limits.x[0], limits.y[0]];
    for (let y = limits.y[0]; y <= limits.y[1]; y++)
      for (let x = limits.x[0]; x <= limits.x[1]; x++) {
        const walls = Math.min(x - limits.x[0], limits.x[1] - x, y - limits.y[0], limits.y[1] - y);
        const others = antidots.map(([u, v], k) => Math.hypot(u - x, v - y) - radii[k] - radius);
        const room = Math.min(walls + 2, ...others);
        if (room > best) [best, place] = [room, [x, y]];
      }
    return place;
  }

  return {
    now,
    keep,
    show,
    largest,
    move: (k, x, y) => changed((s) => (s.antidots[k] = [x, y])),
    resize: (k, radius) => changed((s) => (s.radii[k] = radius)),
    add: (at, radius) =>
      antidots.length < MOST &&
      changed((s) => s.antidots.push(at || roomiest(radius)) && s.radii.push(radius)),
    remove: (k) =>
      antidots.length > 1 && changed((s) => s.antidots.splice(k, 1) && s.radii.splice(k, 1)),
    undo() {
      while (past.length && same(past[past.length - 1], now())) past.pop();
      return past.length > 0 && show(past.pop());
    },
    canUndo: () => past.some((scene) => !same(scene, now())),
  };
}

// Wires that share the curve of a scene at V = 0, with what was done: turned over, and moved.
function copiesOf(wire, { antidots, radii }) {
  const W = wire.width,
    L = wire.length;
  const at = (move) => ({ antidots: antidots.map(move), radii });
  const low = Math.min(...antidots.map(([, y], k) => y - limitsOf(wire, radii[k]).y[0]));
  const high = Math.min(...antidots.map(([, y], k) => limitsOf(wire, radii[k]).y[1] - y));
  const shift = high >= low ? Math.ceil(high / 2) : -Math.ceil(low / 2);
  const found = [
    ["Mirrored from wall to wall", at(([x, y]) => [W - 1 - x, y])],
    ["Mirrored from lead to lead", at(([x, y]) => [x, L - 1 - y])],
  ];
  const sites = plural(Math.abs(shift), "site");
  if (shift) found.splice(1, 0, [`Moved ${sites} along the wire`, at(([x, y]) => [x, y + shift])]);
  return found.filter(([, scene]) => JSON.stringify(scene.antidots) !== JSON.stringify(antidots));
}
