// As `runner.py`, for @vladmandic/face-api: run in the folder whose node_modules hold it.
//
// As in its demos node-wasm.js and node-face-compare.js: the most prominent face of each photo, the
// distance of the descriptors, and the threshold of its `FaceMatcher` (0.6).

const fs = require("fs");
const path = require("path");
const readline = require("readline");
const { createRequire } = require("module");

const here = createRequire(path.join(process.cwd(), "package.json"));
const image = here("@canvas/image");
const tf = here("@tensorflow/tfjs");
const wasm = here("@tensorflow/tfjs-backend-wasm");
const faceapi = here("@vladmandic/face-api/dist/face-api.node-wasm.js");
const models = path.join(process.cwd(), "node_modules/@vladmandic/face-api/model");
const THRESHOLD = new faceapi.FaceMatcher([new Float32Array(128)]).distanceThreshold;

async function descriptor(file) {
  const canvas = await image.imageFromBuffer(fs.readFileSync(file));
  const { data } = image.getImageData(canvas);
  const shape = [canvas.height, canvas.width, 4];
  const photo = tf.tidy(() => tf.tensor(data, shape, "int32").slice([0, 0, 0], [-1, -1, 3]));
  const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5, maxResults: 1 });
  const faces = await faceapi.detectAllFaces(photo, options).withFaceLandmarks().withFaceDescriptors();
  tf.dispose(photo);
  if (!faces.length) throw new RangeError("no face");
  return faces[0].descriptor;
}

async function compare(first, second) {
  const distance = faceapi.euclideanDistance(await descriptor(first), await descriptor(second));
  return { score: -distance, same: distance < THRESHOLD, shown: null };
}

async function answer(line) {
  const start = process.cpuUsage();
  const found = await compare(...line.split("\t")).catch((error) => ({ failed: error.name }));
  const spent = process.cpuUsage(start);
  const used = { ms: (spent.user + spent.system) / 1000, peak_mb: process.resourceUsage().maxRSS / 1024 };
  return { ...found, ...used };
}

async function main() {
  wasm.setWasmPaths(path.join(process.cwd(), "node_modules/@tensorflow/tfjs-backend-wasm/dist/"));
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  for (const name of ["ssdMobilenetv1", "faceLandmark68Net", "faceRecognitionNet"])
    await faceapi.nets[name].loadFromDisk(models);
  let warm = false;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!warm) await answer(line); // the first one compiles; it does not count
    warm = true;
    process.stdout.write(JSON.stringify(await answer(line)) + "\n");
  }
}

main();
