// A sheet to draw on with mouse, finger or pen. Each finished stroke raises `act` with the drawing
// as a PNG in a data URL. A new value from the server is an empty sheet, or one with a picture on it.
const PAPER = '#ffffff';
const INK = '#000000';
const PEN = 5 / 105; // of the side: as wide as the strokes that the network learned from
let strokes = [];
let drawing = null;
let picture = null;
let count = Date.now(); // orders the changes, as they may overtake each other on their way

const sheet = () => element.querySelector('canvas');
const place = (event) => {
  const box = sheet().getBoundingClientRect();
  const scale = sheet().width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
};
function paint() {
  const canvas = sheet();
  const pen = canvas.getContext('2d');
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  pen.strokeStyle = INK;
  pen.lineWidth = PEN * canvas.width;
  pen.lineCap = pen.lineJoin = 'round';
  for (const stroke of strokes) {
    pen.beginPath();
    pen.moveTo(...stroke[0]);
    for (const point of stroke) pen.lineTo(...point);
    pen.stroke();
  }
}
function send() {
  const empty = !strokes.length && !picture;
  count += 1;
  const value = empty ? '' : sheet().toDataURL('image/png');
  const { turn } = element.querySelector('[data-turn]').dataset;
  trigger('act', { do: 'drawn', number: String(count), sheet: turn, value });
}
function load() {
  strokes = [];
  drawing = picture = null;
  if (!sheet()) return;
  paint();
  const address = sheet().dataset.picture;
  if (!address) return;
  const image = new Image();
  image.onload = () => { picture = image; paint(); };
  image.src = address;
}
element.addEventListener('pointerdown', (event) => {
  if (event.target !== sheet() || event.button !== 0 || drawing) return;
  event.preventDefault();
  sheet().setPointerCapture(event.pointerId);
  drawing = { pointer: event.pointerId, stroke: [place(event)] };
  strokes.push(drawing.stroke);
  paint();
});
element.addEventListener('pointermove', (event) => {
  if (!drawing || event.pointerId !== drawing.pointer) return;
  // A fast hand makes several points between two frames.
  const points = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const point of points.length ? points : [event]) drawing.stroke.push(place(point));
  paint();
});
for (const end of ['pointerup', 'pointercancel']) {
  element.addEventListener(end, (event) => {
    if (!drawing || event.pointerId !== drawing.pointer) return;
    drawing = null;
    send();
  });
}
element.addEventListener('click', (event) => {
  const pressed = event.target.closest('button[data-sheet]');
  if (!pressed) return;
  if (pressed.dataset.sheet === 'undo' && strokes.length) strokes.pop();
  else { strokes = []; picture = null; }
  paint();
  send();
});
watch('value', load);
load();
