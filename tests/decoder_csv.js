// What the page reads from CSV files: {source, grid, modes, files: [base64]} in, and of each file
// its {conductance, notes}, or {error}, out.
const fs = require("fs");

const { source, grid, modes, files } = JSON.parse(fs.readFileSync(0, "utf8"));
const readCurve = new Function(`${source}\nreturn readCurve;`)();
const found = files.map((file) => {
  try {
    const { conductance, notes } = readCurve("curve.csv", Buffer.from(file, "base64"), grid, modes);
    return { conductance: Array.from(conductance), notes };
  } catch (error) {
    return { error: error.message };
  }
});
fs.writeSync(1, JSON.stringify(found));
