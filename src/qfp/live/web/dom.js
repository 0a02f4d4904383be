// Small tools of the page.

const SVG = "http://www.w3.org/2000/svg";

// Element of HTML, or of SVG where the name begins so ("svg:path"), with attributes and children.
function el(name, attributes = {}, ...children) {
  const drawn = name.startsWith("svg:");
  const node = drawn ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
}

// Bytes of base64 text.
function bytesOf(text) {
  const found = atob(text),
    bytes = new Uint8Array(found.length);
  for (let i = 0; i < found.length; i++) bytes[i] = found.charCodeAt(i);
  return bytes;
}

// Bytes of base-85 text with the letters of RFC 1924, as Python's b85encode writes it, of a whole
// number of words: a twelfth shorter than base64.
function bytes85(text) {
  const digits = "0123456789", upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    letters = digits + upper + upper.toLowerCase() + "!#$%&()*+-;<=>?@^_`{|}~";
  const value = new Uint8Array(128),
    words = new DataView(new ArrayBuffer((text.length / 5) * 4));
  for (let k = 0; k < letters.length; k++) value[letters.charCodeAt(k)] = k;
  for (let i = 0; i < text.length; i += 5) {
    let word = 0;
    for (let k = i; k < i + 5; k++) word = 85 * word + value[text.charCodeAt(k)];
    words.setUint32((i / 5) * 4, word);
  }
  return new Uint8Array(words.buffer);
}

// A function that runs `draw` once in the next frame, however often it is called before.
function once(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

// One request at a time; of those that come meanwhile only the newest is kept.
function newestWins(ask, done) {
  let busy = false,
    waiting = null;
  async function go(scene) {
    busy = true;
    const reply = await ask(scene);
    busy = false;
    done(reply, scene);
    if (waiting && !busy) {
      const next = waiting;
      waiting = null;
      go(next);
    }
  }
  return (scene) => {
    waiting = busy ? scene : null;
    if (!busy) go(scene);
  };
}

// The size of a change: 3 × 10⁻¹³.
const raised = (text) =>
  text.replace("+", "").replace(/[-\d]/g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻");
function small(value) {
  const [digit, power] = value.toExponential(0).split("e");
  return value === 0 ? "0" : `${digit} × 10${raised(power)}`;
}
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
