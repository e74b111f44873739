// One listener for everything a visitor can press in this part of the page. Gradio replaces the
// part when the answer changes, so the listener sits on its frame and the focus is put back.
const verbs = ['act'];
let focused = null;
element.setAttribute('aria-live', 'polite');
element.addEventListener('click', async (event) => {
  const copy = event.target.closest('[data-copy]');
  if (copy) {
    await navigator.clipboard.writeText(copy.dataset.copy);
    const label = copy.textContent;
    copy.textContent = copy.dataset.done;
    setTimeout(() => { copy.textContent = label; }, 2000);
    return;
  }
  const pressed = event.target.closest('button[data-do]');
  if (!pressed) return;
  focused = pressed.dataset.key;
  trigger(verbs[0], { ...pressed.dataset });
});
element.addEventListener('change', (event) => {
  const field = event.target.closest('input[data-do]');
  if (!field) return;
  trigger(verbs[0], { ...field.dataset, value: field.value });
});
watch('value', () => {
  const gone = !document.activeElement || document.activeElement === document.body;
  if (focused && gone) element.querySelector(`[data-key="${focused}"]`)?.focus();
  focused = null;
});
