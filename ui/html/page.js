// One listener for everything a visitor can press in this part of the page. Gradio replaces the
// part when the answer changes, so the listener sits on its frame and the focus is put back.
const verbs = ['act'];
let focused = null;
// Screen readers hear one sentence about what is new, not the whole part again.
const voice = document.createElement('div');
voice.className = 'unseen';
voice.setAttribute('role', 'status');
element.parentElement.append(voice);

// Both places of a pair offer the same buttons; their group says which photo they are for.
const place = element.closest('.place');
const label = place?.querySelector('.field [data-testid="block-label"]')?.textContent.trim();
if (label) {
  place.setAttribute('role', 'group');
  place.setAttribute('aria-label', label);
}

const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');  // over plain HTTP there is no clipboard
  area.value = text;
  element.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
};

// An answer as one picture, drawn here: the browser has letters for every name, and nothing is sent.
const COLOURS = { same: '#0b7a5b', uncertain: '#875400', different: '#b3372b', none: '#475569' };
const draw = async (words) => {
  const faces = [...element.querySelectorAll('.answer .faces img')];
  await Promise.all(faces.map((face) => face.decode()));
  const [width, side, margin] = [1000, 400, 50];
  const room = width - 2 * margin;
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d');
  const wrapped = (text) => {
    pen.font = '400 28px system-ui, sans-serif';
    const rows = [];
    for (const word of text.split(' ')) {
      const longer = rows.length ? `${rows.at(-1)} ${word}` : word;
      if (rows.length && pen.measureText(longer).width <= room) rows[rows.length - 1] = longer;
      else rows.push(word);
    }
    return rows;
  };
  const day = new Date().toLocaleDateString(document.documentElement.lang, { day: 'numeric', month: 'long', year: 'numeric' });
  const [first, ...others] = words.lines;
  const rows = [
    ...words.warnings.flatMap((warning) => wrapped(`⚠ ${warning}`)).map((row) => [row, '400', COLOURS.uncertain]),
    [first, '600', '#17202e'],
    ...[...others, day].map((line) => [line, '400', '#4d5868']),
  ];
  canvas.width = width;
  canvas.height = margin + side + 110 + 46 * rows.length + margin;
  const write = (text, font, size, y, colour) => {
    pen.font = `${font} ${size}px system-ui, sans-serif`;
    const fitting = Math.min(size, size * room / pen.measureText(text).width);
    pen.font = `${font} ${fitting}px system-ui, sans-serif`;
    pen.fillStyle = colour;
    pen.fillText(text, margin, y);
  };
  pen.fillStyle = '#ffffff';
  pen.fillRect(0, 0, width, canvas.height);
  const places = faces.length > 1 ? [margin, width - margin - side] : [(width - side) / 2];
  places.forEach((x, index) => pen.drawImage(faces[index], x, margin, side, side));
  if (faces.length > 1) {
    pen.font = '700 76px system-ui, sans-serif';
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillStyle = COLOURS[words.tone];
    pen.fillText(words.sign, width / 2, margin + side / 2);
  }
  pen.textAlign = 'left';
  pen.textBaseline = 'alphabetic';
  write(words.title, '700', 56, margin + side + 76, COLOURS[words.tone]);
  rows.forEach(([line, font, colour], row) => write(line, font, 28, margin + side + 134 + 46 * row, colour));
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
};

const save = (blob, name) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

element.addEventListener('click', async (event) => {
  const pressed = event.target.closest('button');
  if (!pressed) return;
  if (pressed.dataset.copy) {
    await copy(pressed.dataset.copy);
    const label = pressed.textContent;
    pressed.textContent = pressed.dataset.done;
    setTimeout(() => { pressed.textContent = label; }, 2000);
  } else if (pressed.dataset.picture) {
    save(await draw(JSON.parse(pressed.dataset.picture)), pressed.dataset.file);
  } else if (pressed.dataset.do) {
    focused = pressed.dataset.key;
    trigger(verbs[0], { ...pressed.dataset });
  }
});
// A name is of one line, however many it takes to show it.
element.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !event.target.matches('textarea[data-do]')) return;
  event.preventDefault();
  event.target.dispatchEvent(new Event('change', { bubbles: true }));
});
// A part that has to be computed is asked for when it is opened.
element.addEventListener('toggle', ({ target: { open, dataset: { ask } } }) => {
  if (!open || !ask) return;
  focused = ask;
  trigger(verbs[0], { do: ask });
}, true);
element.addEventListener('change', (event) => {
  const field = event.target.closest('textarea[data-do]');
  if (!field) return;
  // Nothing is no name: the one before comes back. The server sends no list for a name, see `unlisted`.
  field.value = field.value.trim().replace(/\s+/g, ' ') || field.defaultValue;
  if (field.value === field.defaultValue) return;
  field.defaultValue = field.value;
  trigger(verbs[0], { ...field.dataset, value: field.value });
});
// The address says which language the page has, and a cookie which one the next visit is to have.
element.addEventListener('change', ({ target }) => {
  if (!target.matches('select.language')) return;
  const address = new URL(location);
  address.searchParams.set('lang', target.value);
  history.replaceState(history.state, '', address);
  document.cookie = `lang=${target.value}; max-age=31536000; path=/; SameSite=Lax`;
  focused = 'language';
  trigger(verbs[0], { do: 'language' });
});
document.addEventListener('focusin', (event) => {
  if (event.target.dataset?.key !== focused) focused = null;  // the visitor has gone elsewhere
});
// In place of what was removed the last of its kind takes the focus.
const neighbour = (key) => [...element.querySelectorAll(`[data-key^="${CSS.escape(key.replace(/\d+$/, ''))}"]`)].at(-1);
// Where a photo was, a field for another one comes, a moment later.
const goToField = (tries = 20) => {
  const button = place?.querySelector('.field button');
  if (button) button.focus();
  else if (tries) setTimeout(() => goToField(tries - 1), 50);
};
// The verdict takes the focus if nothing else has it (what was pressed is gone from the page), and
// is in sight wherever the visitor was.
const show = (verdict) => {
  if (document.querySelector('.tabitem:not([style*="none"]) .sketch')) return; // the pen goes on
  if (document.activeElement === document.body) verdict.focus({ preventScroll: true });
  verdict.parentElement.scrollIntoView({ block: 'nearest' });
};
let decided = null;
let said = ''; // of what is wrong; it is brought into sight once
watch('value', () => {
  voice.textContent = element.querySelector('[data-say]')?.dataset.say ?? '';
  const none = focused?.startsWith('remove-') && !element.querySelector('.remove');
  if (focused === 'clear' || none) { focused = null; goToField(); }
  const again = focused && (element.querySelector(`[data-key="${CSS.escape(focused)}"]`) ?? neighbour(focused));
  if (again && again !== document.activeElement) again.focus({ preventScroll: true });
  const wrong = element.querySelector('[role="alert"]')?.textContent ?? '';
  if (wrong && wrong !== said) element.querySelector('[role="alert"]').scrollIntoView({ block: 'nearest' });
  said = wrong;
  const verdict = element.querySelector('[data-key="verdict"]');
  if (verdict && !decided) show(verdict);
  decided = verdict;
});
