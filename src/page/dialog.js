// Questions that want an answer before anything happens.
import {h} from './dom.js';

const dialog = document.getElementById('dialog');

/**
 * Asks, and gives the form's values as an object, or null when it was dismissed. `fields` are elements of the form;
 * `danger` marks an answer that takes something down.
 */
export function ask({title, text, fields = [], yes, no = 'Cancel', danger = false}) {
  if (dialog.open) dialog.close();
  return new Promise((resolve) => {
    const form = h('form', {method: 'dialog'},
      h('h2', {id: 'dialog-title'}, title),
      [text].flat().filter(Boolean).map((paragraph) => h('p', {}, paragraph)),
      fields,
      h('p', {class: 'buttons'},
        no && h('button', {type: 'button', class: 'quiet', onclick: () => dialog.close()}, no),
        h('button', {type: 'submit', class: danger ? 'danger' : 'strong'}, yes)));
    let answer = null;
    form.addEventListener('submit', () => { answer = Object.fromEntries(new FormData(form)); });
    dialog.replaceChildren(form);
    dialog.addEventListener('close', function closed() {
      if (dialog.open && form.isConnected) return; // told late, of the question before this one
      dialog.removeEventListener('close', closed);
      resolve(answer);
    });
    dialog.showModal();
  });
}

/** A choice of durations, as the API takes them; the first is the default. */
export function durations(name, label, none) {
  const options = [['', none], ['15m', '15 minutes'], ['30m', '30 minutes'], ['1h', '1 hour'], ['4h', '4 hours'], ['24h', '1 day'], ['7d', '1 week']];
  return h('label', {class: 'field'}, label,
    h('select', {name}, options.map(([value, text]) => h('option', {value}, text))));
}
