// A measured curve from a CSV file onto the decoder's fields, as qfp.data.measured reads it; the
// file stays in the page. What is wrong is thrown as one line that names the file.

const SAME = 1e-7; // fields closer than this are one point [rad/plaquette]
const OWN = 0.01; // a point this near to one of the decoder's fields, in steps, stands on it
const GAP = 4; // widest gap between points, in steps between the decoder's fields
const NOISES = 5; // a conductance may lie this many standard deviations outside its bounds
const LEFT_OUT = 0.47; // error of interpolation over that at every second point, left out
const TESLA = "this page reads rad/plaquette; qfp decode --lattice-nm A reads tesla";
const SIEMENS = "this page reads e^2/h; qfp decode --siemens reads siemens";
const UNITS = {
  field: { ours: ["rad/plaquette"], others: ["t", "tesla"], hint: TESLA },
  conductance: { ours: ["e^2/h", "e²/h", "e2/h"], others: ["s", "siemens"], hint: SIEMENS },
};
UNITS.noise = UNITS.conductance;
const WANTED = "the first line must be field,conductance or field,conductance,noise";

// As Python's %g: `digits` of them.
const short = (x, digits = 6) => String(Number(x.toPrecision(digits)));

// Text of a file's bytes.
function textOf(name, bytes, notes) {
  const [a, b, c] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    throw new Error(`${name} is UTF-16 text: save it as 'CSV UTF-8'`);
  if (bytes.includes(0))
    throw new Error(
      `${name} is not a text file: a CSV file is wanted (a spreadsheet can save one)`,
    );
  if (a === 0xef && b === 0xbb && c === 0xbf) notes.push("byte order mark skipped");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${name} is not UTF-8: save it as 'CSV UTF-8'`);
  }
}

// Cells of a line; null where quotes are not those of a CSV file.
function cellsOf(line) {
  const cell = /\s*(?:"((?:[^"]|"")*)"\s*|([^,"]*))(,|$)/y,
    found = [];
  for (;;) {
    const match = cell.exec(line);
    if (!match) return null;
    found.push((match[1] === undefined ? match[2] : match[1].replaceAll('""', '"')).trim());
    if (!match[3]) return found;
  }
}

// [{number, cells}] without blank lines and comments.
function linesOf(name, text) {
  const lines = text.split(/\r\n|\r|\n/).map((line, k) => ({ number: k + 1, line }));
  const kept = lines.filter(({ line }) => line.trim() && !line.trim().startsWith("#"));
  const split = kept.map(({ number, line }) => ({ number, cells: cellsOf(line) }));
  for (const { number, cells } of split)
    if (!cells) throw new Error(`${name}, line ${number}: not valid CSV (quotes do not close)`);
  return split.filter(({ cells }) => cells.some(Boolean));
}

// Names of all columns, and {wanted one: its index}.
function columnsOf(name, header) {
  while (header.length && !header[header.length - 1]) header = header.slice(0, -1);
  const parts = header.map((cell) => /^([^[(]*?)\s*(?:[[(]([^\])]*)[\])])?$/.exec(cell));
  const names = parts.map((part, k) => (part ? part[1].toLowerCase() : header[k])),
    columns = {};
  for (const wanted of Object.keys(UNITS)) {
    if (wanted === "noise" && !names.includes(wanted)) continue;
    checkOnce(name, wanted, names, header.join(","));
    columns[wanted] = names.indexOf(wanted);
    const unit = parts[columns[wanted]][2];
    if (unit !== undefined) checkUnit(name, wanted, unit);
  }
  return { names, columns };
}

function checkOnce(name, wanted, names, header) {
  if (names.filter((own) => own === wanted).length === 1) return;
  for (const [sign, what] of [
    [";", "semicolons"],
    ["\t", "tabs"],
  ])
    if (header.includes(sign))
      throw new Error(
        `${name}: the columns are separated by ${what}: save with commas, and decimal points`,
      );
  const found = names.includes(wanted) ? "two columns" : "no column";
  throw new Error(
    `${name}: ${found} '${wanted}' in the header '${header.slice(0, 60)}'; ${WANTED}`,
  );
}

function checkUnit(name, wanted, unit) {
  const { ours, others, hint } = UNITS[wanted],
    own = unit.trim().toLowerCase();
  if (ours.includes(own)) return;
  const right = others.includes(own) ? hint : `it must be in [${ours[0]}]`;
  throw new Error(`${name}: ${wanted} is in [${unit}]: ${right}`);
}

function numberOf(name, line, wanted, cell) {
  const where = `${name}, line ${line}: ${wanted}`;
  if (/^[-+]?(nan|inf|infinity)$/i.test(cell))
    throw new Error(`${where} is ${cell}, a finite number is wanted`);
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(cell)) {
    if (!cell) throw new Error(`${where} is empty: fill it in, or leave the line out`);
    const comma = /^[-+\d]\d*,\d+$/.test(cell);
    const what = comma ? "has a decimal comma: save with decimal points" : "is not a number";
    throw new Error(`${where} '${cell.slice(0, 20)}' ${what}`);
  }
  const value = Number(cell);
  if (!Number.isFinite(value)) throw new Error(`${where} is ${cell}, a finite number is wanted`);
  if (wanted === "noise" && value <= 0)
    throw new Error(
      `${where} ${cell}: a standard deviation is above 0 (leave the column out where ` +
        "there is none)",
    );
  return value;
}

// Numbers of the columns: {lines, field, conductance, noise (perhaps)}.
function tableOf(name, text) {
  const lines = linesOf(name, text);
  if (!lines.length) throw new Error(`${name}: the file is empty; ${WANTED}`);
  const { names, columns } = columnsOf(name, lines[0].cells),
    found = { lines: [] };
  for (const wanted of Object.keys(columns)) found[wanted] = [];
  for (const { number, cells } of lines.slice(1)) {
    const own = [...cells.slice(0, names.length), ...cells.slice(names.length).filter(Boolean)];
    if (own.length !== names.length) {
      const hint = own.length > names.length ? "; decimal commas? Save with decimal points" : "";
      throw new Error(
        `${name}, line ${number}: ${own.length} cells where the header has ${names.length}${hint}`,
      );
    }
    found.lines.push(number);
    for (const [wanted, k] of Object.entries(columns))
      found[wanted].push(numberOf(name, number, wanted, own[k]));
  }
  if (found.lines.length < 2)
    throw new Error(
      `${name}: ${found.lines.length} lines of numbers below the header, a curve has more`,
    );
  return found;
}

// Fields rise or fall, each once.
function checkOrder(name, { lines, field }) {
  const change = field
    .slice(1)
    .map((b, k) => (Math.abs(b - field[k]) < SAME ? 0 : Math.sign(b - field[k])));
  const way = change.find(Boolean) ?? 1,
    turn = change.findIndex((c) => c * way < 0);
  if (turn >= 0)
    throw new Error(
      `${name}, line ${lines[turn + 1]}: the field turns, it must rise or fall throughout ` +
        "(one sweep a file)",
    );
  const k = change.indexOf(0);
  if (k >= 0)
    throw new Error(
      `${name}: field ${short(field[k])} stands on lines ${lines[k]} and ${lines[k + 1]}: ` +
        "give each field once",
    );
}

// The whole sweep must be covered, but for half a step at the top, without wide gaps.
function checkRange(name, field, grid) {
  const top = grid[grid.length - 1],
    step = grid[1],
    unit = "rad/plaquette";
  const folded = field.map(Math.abs).sort((a, b) => a - b);
  const low = folded[0],
    high = folded[folded.length - 1],
    wanted = `all of 0 to ${short(top, 4)} ${unit}`;
  const tesla = high > 2 * top ? ` (is it in tesla? Then ${TESLA})` : "";
  if (high > 20 * top)
    throw new Error(
      `${name}: field goes up to ${short(high)} ${unit}, the decoder needs ${wanted}${tesla}`,
    );
  if (Math.abs(high - top / (2 * Math.PI)) <= 1e-3 * (top / (2 * Math.PI)))
    throw new Error(
      `${name}: field goes up to ${short(high)}, the decoder needs ${wanted}: ` +
        "is it in flux quanta per plaquette? Multiply by 2 pi",
    );
  if (2 * low > GAP * step || high < top - step / 2)
    throw new Error(
      `${name}: field covers ${short(low, 4)} to ${short(high, 4)}, the decoder needs ${wanted}`,
    );
  const inside = folded.filter((b) => b < top + SAME).length,
    least = Math.floor(grid.length / 2);
  if (inside < least)
    throw new Error(
      `${name}: ${inside} points between 0 and ${short(top, 4)} ${unit} are too few: ` +
        `the decoder has ${grid.length} fields, give at least ${least}${tesla}`,
    );
  const gaps = folded
      .slice(1)
      .map((b, k) => b - folded[k])
      .slice(0, inside),
    widest = Math.max(...gaps);
  if (widest > GAP * step) {
    const start = folded[gaps.indexOf(widest)];
    throw new Error(
      `${name}: no points between ${short(start, 4)} and ${short(start + widest, 4)} ${unit}: ` +
        `at most ${short(GAP * step, 2)} may lie between two`,
    );
  }
}

// 0 <= G <= the open modes at b = 0, or as far outside as the noise allows.
function checkConductance(name, { conductance, noise }, modes) {
  const largest = Math.max(...conductance);
  if (largest < 1e-2)
    throw new Error(
      `${name}: conductance is ${short(largest)} e^2/h at most: is it in siemens? Then ${SIEMENS}`,
    );
  const loudest = noise ? Math.max(...noise) : 0;
  if (!(loudest <= modes))
    throw new Error(
      `${name}: noise ${short(loudest)} e^2/h is more than all conductances from 0 to ${modes}`,
    );
  const outside = conductance.map(
    (G, k) => Math.max(-G, G - modes) - NOISES * (noise ? noise[k] : 0) - 1e-6,
  );
  const worst = Math.max(...outside);
  if (worst <= 0) return;
  const hint = noise
    ? `, by more than ${NOISES} times its noise`
    : "; where this is noise, add a column noise, its standard deviation";
  const value = short(conductance[outside.indexOf(worst)]);
  throw new Error(
    `${name}: conductance ${value} lies outside 0 to ${modes} e^2/h, the open modes of ` +
      `this wire${hint}`,
  );
}

// The curve at |b|, rising; where +b and -b were both measured, their mean and its noise.
function folded({ field, conductance, noise }) {
  const order = field
    .map((_, k) => k)
    .sort((j, k) => Math.abs(field[j]) - Math.abs(field[k]) || j - k);
  const groups = [];
  order.forEach((k, at) => {
    const near = at && Math.abs(field[k]) - Math.abs(field[order[at - 1]]) <= SAME;
    if (near) groups[groups.length - 1].push(k);
    else groups.push([k]);
  });
  const mean = (of) =>
    groups.map((group) => group.reduce((sum, k) => sum + of(k), 0) / group.length);
  return {
    field: mean((k) => Math.abs(field[k])),
    conductance: mean((k) => conductance[k]),
    noise: noise && groups.map((group) => Math.hypot(...group.map((k) => noise[k])) / group.length),
  };
}

// Estimated rms error of interpolating between the points, as interpolation_error of qfp.
function interpolationError(field, conductance, noise) {
  const squares = [];
  for (let k = 1; k + 1 < field.length; k += 2) {
    const w = (field[k] - field[k - 1]) / (field[k + 1] - field[k - 1]);
    let square = ((1 - w) * conductance[k - 1] + w * conductance[k + 1] - conductance[k]) ** 2;
    if (noise) square -= ((1 - w) * noise[k - 1]) ** 2 + (w * noise[k + 1]) ** 2 + noise[k] ** 2;
    squares.push(square);
  }
  return LEFT_OUT * Math.sqrt(Math.max(squares.reduce((a, b) => a + b, 0) / squares.length, 0));
}

// The curve at the fields of a grid: {conductance, notes}.
function resampled({ field, conductance, noise }, grid, notes) {
  const last = grid.length - 1;
  if (field.length === grid.length && grid.every((b, k) => Math.abs(field[k] - b) < OWN * grid[1]))
    return { conductance: Float64Array.from(conductance), notes };
  const inside = field.filter((b) => b < grid[last] + SAME).length;
  const own = [field, conductance, noise].map((values) => values && values.slice(0, inside));
  notes.push(
    `${inside} points interpolated linearly onto the decoder's ${grid.length} fields, which ` +
      `costs about ${interpolationError(...own).toFixed(3)} e^2/h rms`,
  );
  const at = (b) => {
    if (b <= field[0]) return conductance[0];
    const k = field.findIndex((point) => point >= b);
    if (k < 0) return conductance[conductance.length - 1];
    const w = (b - field[k - 1]) / (field[k] - field[k - 1]);
    return (1 - w) * conductance[k - 1] + w * conductance[k];
  };
  return { conductance: Float64Array.from(grid, at), notes };
}

// Curve of a CSV file's bytes (Uint8Array) at the fields of a wire, {conductance, notes}, for plain
// files: units of the laboratory, branches and noisy sweeps are for qfp decode. modes:
// the open ones at b = 0.
function readCurve(name, bytes, grid, modes) {
  const notes = [],
    table = tableOf(name, textOf(name, bytes, notes));
  checkOrder(name, table);
  checkRange(name, table.field, grid);
  checkConductance(name, table, modes);
  if (table.field.some((b) => b < 0))
    notes.push("negative fields folded onto positive ones, G(-b) = G(b)");
  return resampled(folded(table), grid, notes);
}
