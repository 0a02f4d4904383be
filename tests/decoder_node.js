// Runs the decoder's worker under node: the script of qfp.live.decoder in argv[2], messages as JSON
// on stdin, all replies as JSON on stdout. The next message is sent when the last is answered. With
// "js" in argv[3] the kernels are those in plain JavaScript.
const fs = require("fs");

const LAST = ["ready", "read", "consensus", "error"];
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const replies = [];
let answered = null;

globalThis.postMessage = (reply) => {
  replies.push(JSON.parse(JSON.stringify(reply, plain)));
  if (LAST.includes(reply.type)) answered();
};
(0, eval)(fs.readFileSync(process.argv[2], "utf8"));
const { worker, ...load } = globalThis.QFP_DECODER;
if (process.argv[3] === "js") load.wasm = null;
(0, eval)(worker);

(async () => {
  for (const data of [{ type: "load", ...load }, ...JSON.parse(fs.readFileSync(0, "utf8"))]) {
    const done = new Promise((resolve) => (answered = resolve));
    globalThis.onmessage({ data });
    await done;
  }
  fs.writeSync(1, JSON.stringify(replies));
  process.exit(0);
})();
